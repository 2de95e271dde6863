"""Services in accounts of their own, tried with each service's key in turn: no reply leads into the ledger.

Inside one account a read with ``reply=ledger.control`` stores an old genuine order again, and a forged feed is folded
by others (the control tests at the end). Across accounts it stores nothing, whatever is asked and wherever the answer
is sent. Source: docs/adr/0002-accounts-and-permissions.md.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from schemas import canonical, flow, streams, subjects
from schemas.events.control import Genesis
from services.kernel.ledger.client import Entry, Ledger
from services.kernel.ledger.drift import consumer_config, needed_consumers, needed_streams, stream_config
from services.kernel.projection.source import NatsSource
from services.provision import read_envelope
from services.provision.accounts.accounts_conf import accounts_file, core_account
from services.provision.accounts.permissions import imports_of, inbox
from tests.integration.provision.conftest import BothRealms, User
from tests.support.broker import jetstream
from tests.support.mission import PATIENCE, Mission, copy_city, eventually, flushed, now

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS = pytest.mark.parametrize("row", flow.SERVICES, ids=lambda row: row.name)
API = streams.SERVICE_API
TARGETS = (
    subjects.CONTROL,
    "ledger.request.reflected",
    "ledger.approval.reflected.cao",
    "ledger.verdict.reflected",
    "ledger.attempt.fire-website.reflected",
    "ledger.receipt.fire-website.reflected",
    "ledger.resolution.fire-website.reflected",
    subjects.SEAL,
)
"""Where an answer must not arrive."""

LITERAL = {"*": "reflected", ">": "reflected"}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def begun(running: BothRealms) -> AsyncIterator[dict[str, User]]:
    """The ledger begins with the manifest, and with an order that no condition keeps from being stored again."""
    async with AsyncExitStack() as stack:
        writers = {row.name: await stack.enter_async_context(running.service(row.name)) for row in flow.SERVICES}
        registry = Ledger()
        registry.bind(writers["registry"].nc)
        await registry.append(subjects.CONTROL, Genesis(at=now(), manifest=read_envelope(running.city)), expect_last=0)
        await append(writers, subjects.CONTROL)
        yield writers


async def append(writers: dict[str, User], pattern: str) -> None:
    """Store something new that fits a filter, as who may: a durable has something to hand out."""
    subject = literal("ledger.control" if pattern == subjects.LEDGER_ALL else pattern)
    row = next(one for one in flow.SERVICES if any(subjects.matches(wanted, subject) for wanted in one.writes))
    await jetstream(writers[row.name].nc, API).publish(subject, secrets.token_hex(8).encode())


async def stored(running: BothRealms) -> dict[str, int]:
    """What is where: how many entries on each subject of the ledger, and in each other stream."""
    async with running.provisioner() as user:
        js = jetstream(user.nc)
        ledger = await js.stream_info(streams.LEDGER, subjects_filter=subjects.LEDGER_ALL)
        others = {one.name: (await js.stream_info(one.name)).state.last_seq for one in streams.STREAMS}
        return dict(ledger.state.subjects or {}) | others


def literal(pattern: str) -> str:
    """A subject that a filter stands for."""
    return ".".join(LITERAL.get(token, token) for token in pattern.split("."))


def picture_or(pattern: str, body: bytes) -> str:
    """A subject that a filter stands for; a picture's is the hash of its bytes."""
    made = {subjects.MEDIA_ALL: subjects.media, subjects.UPLOADS_ALL: subjects.upload}.get(pattern)
    return literal(pattern) if made is None else made(canonical.sha256(body))


def questions(row: flow.Service) -> list[tuple[str, bytes]]:
    """Everything that a service may ask the server but for its durables, with a body that gets an answer."""
    asked = [(f"{API}.STREAM.INFO.{stream}", b"{}") for stream in needed_streams(row)]
    reads = (b'{"seq": 2}', b'{"last_by_subj": "ledger.control"}', b'{"seq": 1, "next_by_subj": "ledger.>"}')
    asked += [(f"{API}.STREAM.MSG.GET.{stream}", body) for stream in row.reads for body in reads]
    asked += [(f"{API}.CONSUMER.INFO.{one.stream}.{one.durable}", b"{}") for one in needed_consumers(row)]
    batches: tuple[dict[str, object], ...] = (
        {"seq": 2},
        {"last_by_subj": "ledger.control"},
        {"seq": 1, "batch": 10},
        {"seq": 1, "batch": 10, "next_by_subj": "ledger.>"},
        {"multi_last": ["ledger.>"], "batch": 10},
    )
    if row.folds:
        asked += [(f"{API}.DIRECT.GET.{streams.LEDGER}", json.dumps(query).encode()) for query in batches]
    return asked


def targets(row: flow.Service) -> list[str]:
    """Where an answer must not arrive: each subject of a stream, also those that the service writes itself."""
    heads = {"ledger", "media", "upload", "dead", "tries"}
    written = [one for one in imports_of(row).services if one.split(".")[0] in heads]
    return sorted({*TARGETS, *map(literal, written)})


@ROWS
async def test_no_answer_of_the_server_can_be_sent_into_a_stream(running: BothRealms, row: flow.Service) -> None:
    """STREAM.INFO, CONSUMER.INFO, MSG.GET, direct get (one, batches, several subjects)."""
    asked = questions(row)
    async with running.service(row.name) as user:
        before = await stored(running)
        for target in targets(row):
            for subject, body in asked:
                assert not await user.denied(subject, body, reply=target), subject
        for subject, body in asked:  # each comes behind all of those, and gets its answer where it may
            answer = await user.nc.request(subject, body, timeout=PATIENCE)
            assert answer.data or answer.headers, subject
        assert await stored(running) == before


@ROWS
async def test_no_message_of_a_durable_can_be_sent_into_a_stream(
    running: BothRealms, row: flow.Service, begun: dict[str, User]
) -> None:
    """An old genuine entry would stand again under its own subject: an order, a verdict, an approval."""
    if not needed_consumers(row):
        pytest.skip(f"{row.name} has no durable")
    async with running.service(row.name) as user:
        for consumer in needed_consumers(row):
            name = f"{consumer.stream}.{consumer.durable}"
            asked = [
                (f"{API}.CONSUMER.MSG.NEXT.{name}", b'{"batch": 1, "expires": 20000000000}'),
                (f"$JS.ACK.{name}.1.1.1.1.0", b"+NXT"),
            ]
            for _ in range(2 * len(targets(row))):
                await append(begun, consumer.filter_subject)
            before, given = await stored(running), await handed_out(user, name)
            for target in targets(row):
                for subject, body in asked:
                    assert not await user.denied(subject, body, reply=target), subject

            async def gone(enough: int = given + len(targets(row)), name: str = name) -> bool:
                return await handed_out(user, name) >= enough

            with contextlib.suppress(AssertionError):  # where nobody may hear the answer the server may keep it
                await eventually(gone, 3.0)
            assert await handed_out(user, name) > given
            await flushed(user.nc)
            assert await stored(running) == before, name


async def handed_out(user: User, name: str) -> int:
    """How many messages a durable has handed out."""
    answer = await user.nc.request(f"{API}.CONSUMER.INFO.{name}", b"{}", timeout=PATIENCE)
    return int(json.loads(answer.data)["delivered"]["consumer_seq"])


@ROWS
async def test_no_ack_of_an_append_can_be_sent_into_a_stream(running: BothRealms, row: flow.Service) -> None:
    """Each PubAck, an error's and a batch's too: only what was appended itself is stored."""
    async with running.service(row.name) as user:
        for pattern in (*row.writes, row.dead_letters):
            before, appended, subject = await stored(running), 0, literal(pattern)
            for target in targets(row):
                body = secrets.token_hex(8).encode()
                subject = picture_or(pattern, body)
                await user.nc.publish(subject, body, reply=target)
                await user.nc.publish(subject, body, reply=target, headers={"Nats-Expected-Last-Sequence": "999999"})
                appended += 1
                if subject.startswith("ledger."):
                    batch = {
                        "Nats-Batch-Id": secrets.token_hex(8),
                        "Nats-Batch-Sequence": "1",
                        "Nats-Batch-Commit": "1",
                    }
                    await user.nc.publish(subject, body, reply=target, headers=batch)
                    appended += 1
            await flushed(user.nc)
            assert user.denials == []
            last = secrets.token_hex(8).encode()  # its ack comes behind all of those
            subject = picture_or(pattern, last)
            await jetstream(user.nc, API).publish(subject, last)
            appended += 1
            after = await stored(running)
            if subject.startswith("ledger."):
                change = {name: count - before.get(name, 0) for name, count in after.items()}
                assert {name: n for name, n in change.items() if n} == {subject: appended, streams.LEDGER: appended}
            else:
                assert {name: n for name, n in after.items() if name.startswith("ledger.") or name == "LEDGER"} == {
                    name: n for name, n in before.items() if name.startswith("ledger.") or name == "LEDGER"
                }


@ROWS
async def test_what_other_accounts_say_cannot_be_answered_into_the_ledger(
    running: BothRealms, row: flow.Service
) -> None:
    """A heartbeat, a broadcast or a dead letter with such a reply: who answers it answers in its own account."""
    before = await stored(running)
    async with running.service(row.name) as user, running.service("board") as board:
        heard: list[Msg] = []

        async def answer(message: Msg) -> None:
            heard.append(message)
            if message.reply:
                await message.respond(b"answered")

        await board.nc.subscribe(subjects.HEALTH_ALL, cb=answer)
        await flushed(board.nc)
        for target in TARGETS:
            await user.nc.publish(row.heartbeat, b"x", reply=target)
        await flushed(user.nc)

        async def all_heard() -> bool:
            return len(heard) >= len(TARGETS)

        await eventually(all_heard)
        await flushed(board.nc)
    assert await stored(running) == before


@ROWS
async def test_a_forged_feed_is_heard_by_nobody_else(running: BothRealms, row: flow.Service) -> None:
    """Nobody may say it, and where it would be allowed it would stay in the sender's own account."""
    others = [one for one in flow.SERVICES if one.folds and one != row]
    heard: list[Msg] = []

    async def hear(message: Msg) -> None:
        heard.append(message)

    async with running.service(row.name) as user, AsyncExitStack() as stack:
        listeners = [await stack.enter_async_context(running.service(one.name)) for one in others]
        for listener in listeners:
            await listener.nc.subscribe(subjects.FEED_ALL, cb=hear)
            await flushed(listener.nc)
        headers = {
            "Nats-Stream": streams.LEDGER,
            "Nats-Subject": subjects.CONTROL,
            "Nats-Sequence": "999",
            "Nats-Time-Stamp": "2026-01-01T00:00:00Z",
        }
        for subject in ("feed.ledger.control", "feed.ledger.verdict.forged"):
            before = len(user.denials)
            await user.nc.publish(subject, b"forged", headers=headers)
            await flushed(user.nc)
            assert len(user.denials) > before, "it has no right to say it"
        for listener in listeners:
            await flushed(listener.nc)
        assert heard == []


@ROWS
async def test_forged_headers_are_overruled_in_feed_and_reads(running: BothRealms, row: flow.Service) -> None:
    """The server's own sequence, subject, stream and time stand; a publisher's are not believed anywhere."""
    mine = [literal(one) for one in row.writes if one.startswith("ledger.")]
    if not mine:
        pytest.skip(f"{row.name} appends nothing to the ledger")
    forged = {
        "Nats-Stream": "OTHER",
        "Nats-Subject": subjects.CONTROL if mine[0] != subjects.CONTROL else subjects.SEAL,
        "Nats-Sequence": "1",
        "Nats-Time-Stamp": "2020-01-01T00:00:00Z",
        "Nats-Last-Sequence": "0",
        "Nats-Num-Pending": "0",
        "Status": "404",
    }
    heard: list[Entry] = []
    async with running.service("gatekeeper") as reader, running.service(row.name) as user:
        ledger = Ledger()
        ledger.bind(reader.nc)
        source = NatsSource(ledger)
        await source.subscribe(heard.append)
        await flushed(reader.nc)
        body = secrets.token_hex(8).encode()
        ack = await jetstream(user.nc, API).publish(mine[0], body, stream=streams.LEDGER, headers=forged)

        async def came() -> bool:
            return bool(heard)

        await eventually(came)
        read = [entry async for batch in source.entries(ack.seq - 1) for entry in batch]
        got = await source.get(ack.seq)
        assert got is not None
    assert [(one.seq, one.subject, one.data) for one in heard] == [(ack.seq, mine[0], body)]
    assert [(one.seq, one.subject, one.data) for one in read] == [(ack.seq, mine[0], body)]
    assert (got.seq, got.subject, got.data) == (ack.seq, mine[0], body)
    assert heard[0].at == read[0].at == got.at
    assert heard[0].at.year > 2020


@ROWS
async def test_a_service_hears_only_what_its_row_says(running: BothRealms, row: flow.Service) -> None:
    """Not the ledger itself, nobody's inbox, no desk subject that it does not serve, no API."""
    foreign = [one for one in flow.SERVICES if one != row]
    served = [subjects.every_user(base) for one in foreign for base in one.serves if base not in row.serves]
    unheard = [one.heartbeat for one in foreign if not any(subjects.matches(h, one.heartbeat) for h in row.subscribes)]
    wanted = [
        subjects.LEDGER_ALL,
        subjects.CONTROL,
        "ledger.*",
        ">",
        "*.>",
        "$JS.>",
        f"{API}.>",
        "_INBOX.>",
        inbox("cao"),
        inbox("provision"),
        *(inbox(one.user) for one in foreign),
        *served,
        *unheard,
    ]
    if not row.folds:
        wanted.append(subjects.FEED_ALL)
    async with running.service(row.name) as user:
        for subject in wanted:
            assert await user.subscribe_denied(subject), subject
        for subject in (inbox(row.user), *row.subscribes, *((subjects.FEED_ALL,) if row.folds else ())):
            assert not await user.subscribe_denied(subject), subject


@ROWS
async def test_a_service_publishes_only_what_its_row_says(running: BothRealms, row: flow.Service) -> None:
    """Every subject that any service writes or asks, and some that nobody may: denied but for its own."""
    own = imports_of(row)
    every = {one for other in flow.SERVICES for one in (*imports_of(other).services, *imports_of(other).streaming)}
    every |= {other.heartbeat for other in flow.SERVICES}
    every |= {one for other in flow.SERVICES for one in other.broadcasts}
    allowed = {*own.services, *own.streaming, row.heartbeat, *row.broadcasts}
    never = [
        "feed.ledger.control",
        "_INBOX_cao.x",
        "_INBOX_provision.x",
        "$JS.API.INFO",
        "$SYS.REQ.ACCOUNT.PING",
        "ledger.delivery.a.b",
    ]
    never += [f"_INBOX_{one.user}.x" for one in flow.SERVICES]
    never += [
        f"{streams.OWN_API}.{kind}.LEDGER" for kind in ("STREAM.MSG.GET", "DIRECT.GET", "STREAM.PURGE", "STREAM.DELETE")
    ]
    before = await stored(running)
    async with running.service(row.name) as user:
        for subject in sorted(every - allowed):
            if not any(subjects.matches(one, literal(subject)) for one in allowed):
                assert await user.denied(literal(subject), b"{}"), subject
        for subject in never:
            assert await user.denied(subject, b"{}"), subject
    assert await stored(running) == before


async def test_control_inside_one_account_the_same_read_stores_an_old_order_again(running: BothRealms) -> None:
    """What the accounts are for: the provisioning user lives with the ledger, and there the trick works.

    Not with an entry whose own compare-and-set travels with it, as all of ours do: with one that has none.
    """
    before = await stored(running)
    async with running.provisioner() as user:
        await user.nc.publish(f"$JS.API.DIRECT.GET.{streams.LEDGER}", b'{"seq": 2}', reply=subjects.CONTROL)
        await flushed(user.nc)

        async def grown() -> bool:
            return (await stored(running))[streams.LEDGER] > before[streams.LEDGER]

        await eventually(grown)
        js = jetstream(user.nc)
        old, again = await js.get_msg(streams.LEDGER, 2), await js.get_msg(streams.LEDGER, before[streams.LEDGER] + 1)
    assert (again.subject, again.data) == (subjects.CONTROL, old.data)


async def test_control_a_literal_import_lets_a_durables_message_in_again(running: BothRealms, tmp_path: Path) -> None:
    """Why accounts import filters (permissions.imported): by a literal import an old order stands once more."""
    city = copy_city(running.city, tmp_path / "mission")
    conf = city.nats_conf_path.with_name(accounts_file("live"))
    text = conf.read_text()
    core = core_account("live")
    literally = text.replace(
        f'{{ service: {{ account: {core}, subject: "ledger.*" }} }}',
        f'{{ service: {{ account: {core}, subject: "{subjects.SEAL}" }} }}',
    ).replace('service: "ledger.*"', f'service: "{subjects.SEAL}"')
    assert literally != text
    conf.write_text(literally)
    shutil.rmtree(city.var / "nats")
    async with Mission(city) as mission:
        other = BothRealms(mission)
        async with other.provisioner() as user:
            await _make_streams(user)
        async with other.service("gatekeeper") as gate, other.service("audit") as audit:
            await jetstream(gate.nc, API).publish("ledger.verdict.old", b"genuine")
            pull = f"{API}.CONSUMER.MSG.NEXT.LEDGER.audit-copy"

            async def again() -> bool:
                """Pull until the durable has it to give: right behind the append it may not."""
                await audit.nc.publish(pull, b'{"batch": 5, "no_wait": true}', reply=subjects.SEAL)
                await flushed(audit.nc)
                return (await stored(other)).get("ledger.verdict.old") == 2

            await eventually(again)
            assert audit.denials == []


async def _make_streams(user: User) -> None:
    js = jetstream(user.nc)
    for stream in streams.STREAMS:
        await js.add_stream(stream_config(stream, 1))
    await js.add_consumer(streams.LEDGER, consumer_config(streams.AUDIT_COPY))
