"""The accounts and permissions, tried against a real server: what each kind of user cannot do, and can."""

from __future__ import annotations

import asyncio
import contextlib
import json

import nats.errors
import pytest
from nats.aio.msg import Msg

from schemas import flow, streams, subjects
from schemas.events.authority import Realm
from services.kernel.authority.signing import new_seed, write_key
from services.kernel.ledger.drift import drift
from services.provision import read_manifest
from tests.integration.provision.conftest import BothRealms, User
from tests.support.broker import jetstream
from tests.support.mission import PATIENCE, eventually, flushed

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEDGER_SUBJECTS = {
    subjects.CONTROL: subjects.CONTROL,
    subjects.REQUESTS: "ledger.request.r1",
    subjects.APPROVALS: "ledger.approval.r1.cao",
    subjects.VERDICTS: "ledger.verdict.r1",
    subjects.ATTEMPTS: "ledger.attempt.fire-website.r1",
    subjects.RECEIPTS: "ledger.receipt.fire-website.r1",
    subjects.SEAL: subjects.SEAL,
}


_STOPS = ("PAUSE", "UNPIN", "RESET", "DELETE", "LEADER.STEPDOWN")
"""What would keep a durable's messages from whoever fetches them; not even its own service may."""


async def stored(running: BothRealms, realm: Realm = "live") -> int:
    async with running.provisioner(realm) as user:
        return (await jetstream(user.nc).stream_info(streams.LEDGER)).state.last_seq


async def answering(user: User, subject: str) -> list[Msg]:
    """Let a user answer a desk subject; return the list that fills with what it got."""
    heard: list[Msg] = []

    async def answer(message: Msg) -> None:
        heard.append(message)
        if message.reply:
            await message.respond(b"answered")

    await user.nc.subscribe(subject, cb=answer)
    await flushed(user.nc)
    return heard


async def filled(heard: list[Msg]) -> None:
    """Wait until something was heard."""

    async def look() -> bool:
        return bool(heard)

    await eventually(look)


async def test_an_officer_reaches_the_service_and_gets_its_answer(running: BothRealms) -> None:
    async with running.service("intake") as intake, running.person("clerk") as clerk:
        heard = await answering(intake, "desk.request.submit.*")
        reply = await clerk.nc.request("desk.request.submit.clerk", b"hello", timeout=PATIENCE)
        assert reply.data == b"answered"
        assert [m.subject for m in heard] == ["desk.request.submit.clerk"]
        assert heard[0].reply.startswith("_R_."), "the right to answer is granted for what the server makes"
        assert intake.denials == []


@pytest.mark.parametrize("subject", sorted(LEDGER_SUBJECTS.values()))
async def test_an_officer_cannot_publish_to_the_ledger(running: BothRealms, subject: str) -> None:
    before = await stored(running)
    async with running.person("cao") as cao:
        assert await cao.denied(subject)
    assert await stored(running) == before


async def test_an_officer_cannot_use_anothers_token(running: BothRealms) -> None:
    async with running.service("intake") as intake, running.person("clerk") as clerk:
        heard = await answering(intake, "desk.approval.submit.*")
        assert await clerk.denied("desk.approval.submit.pio")
        assert await clerk.denied("desk.approval.submit")
        assert not await clerk.denied("desk.approval.submit.clerk")
        await filled(heard)
        assert [m.subject for m in heard] == ["desk.approval.submit.clerk"]


@pytest.mark.parametrize(
    "api",
    ["INFO", "STREAM.INFO.LEDGER", "STREAM.MSG.GET.LEDGER", "STREAM.DELETE.LEDGER", "STREAM.PURGE.LEDGER"],
)
async def test_an_officer_cannot_reach_jetstream(running: BothRealms, api: str) -> None:
    async with running.person("cao") as cao:
        assert await cao.denied(f"$JS.API.{api}", b"{}")


async def test_a_reflected_reply_from_the_desk_stores_nothing(running: BothRealms) -> None:
    """The reply subject of a desk request may name a subject of the ledger: the answer does not arrive there."""
    before = await stored(running)
    async with running.service("intake") as intake, running.person("clerk") as clerk:
        heard = await answering(intake, "desk.request.submit.*")
        await clerk.nc.publish("desk.request.submit.clerk", b"x", reply="ledger.approval.x.cao")
        await flushed(clerk.nc)
        await filled(heard)
        await flushed(intake.nc)
        await asyncio.sleep(0.1)
        assert len(heard) == 1, "the request itself arrives, and was answered"
    assert await stored(running) == before


async def test_the_same_trick_inside_one_account_does_store(running: BothRealms) -> None:
    """Why there are two accounts: this is the hole that they close (and the control of the test above)."""
    before = await stored(running, "exercise")
    async with running.provisioner("exercise") as user:
        await user.nc.publish("$JS.API.INFO", b"", reply="ledger.request.reflected")
        await flushed(user.nc)

    async def grown() -> bool:
        return await stored(running, "exercise") > before

    await eventually(grown)
    assert await stored(running, "exercise") == before + 1


async def test_a_system_can_send_only_its_own_submissions(running: BothRealms) -> None:
    async with running.service("intake") as intake, running.person("drivebc", plain_inbox=True) as system:
        await answering(intake, "desk.request.system.*")
        reply = await system.nc.request("desk.request.submit.drivebc", b"{}", timeout=PATIENCE)
        assert reply.data == b"answered", "a client without an inbox prefix gets its answer"
        for base in flow.OFFICER_MAY_SEND:
            allowed = base in flow.SYSTEM_MAY_SEND
            assert await system.denied(f"{base}.drivebc") != allowed, base
            assert await system.denied(f"{base}.cao"), base
        for subject in (*LEDGER_SUBJECTS.values(), "$JS.API.INFO", "eoc.state", "health.board"):
            assert await system.denied(subject), subject
        for subject in ("board.>", "desk.>", "ledger.>", ">", "_INBOX_cao.>"):
            assert await system.subscribe_denied(subject), subject


async def test_an_officer_watches_the_board_and_the_posture_and_nothing_else(running: BothRealms) -> None:
    async with (
        running.service("board") as board,
        running.service("eoc_state") as eoc,
        running.person("pio") as pio,
    ):
        seen = await answering(pio, "board.>")
        posture = await answering(pio, "eoc.state")
        await board.nc.publish("board.verdict.r1", b"seen")
        await eoc.nc.publish("eoc.state", b"active")
        await flushed(board.nc)
        await flushed(eoc.nc)
        await filled(seen)
        await filled(posture)
        assert [m.data for m in seen] == [b"seen"]
        assert [m.data for m in posture] == [b"active"]
        for subject in ("ledger.>", "desk.>", "_INBOX_cao.>", "_INBOX.>", ">", "health.*", "$JS.>"):
            assert await pio.subscribe_denied(subject), subject


async def test_live_keys_do_not_open_the_exercise_and_vice_versa(running: BothRealms) -> None:
    for own, other in (("live", "exercise"), ("exercise", "live")):
        before = await stored(running, other)  # type: ignore[arg-type]
        async with (
            running.service("intake", own) as intake,  # type: ignore[arg-type]
            running.service("intake", other) as foreign,  # type: ignore[arg-type]
            running.person("cao", own) as cao,  # type: ignore[arg-type]
        ):
            at_home = await answering(intake, "desk.request.submit.*")
            abroad = await answering(foreign, "desk.request.submit.*")
            assert (await cao.nc.request("desk.request.submit.cao", b"x", timeout=PATIENCE)).data == b"answered"
            ack = await jetstream(intake.nc).publish("ledger.request.realm", b"{}", stream=streams.LEDGER)
            assert ack.stream == streams.LEDGER
            await asyncio.sleep(0.1)
            assert (len(at_home), len(abroad)) == (1, 0)
        assert await stored(running, other) == before  # type: ignore[arg-type]


async def test_the_realms_share_no_key(running: BothRealms) -> None:
    def keys(realm: Realm) -> set[str]:
        manifest = read_manifest(running.realm(realm))
        return {o.public_key for o in manifest.officers if o.public_key} | {s.public_key for s in manifest.systems}

    assert keys("live")
    assert not keys("live") & keys("exercise")


async def test_a_stranger_does_not_get_in(running: BothRealms) -> None:
    path = running.city.folder / "stranger.nk"
    write_key(path, new_seed())
    with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
        async with running.key(path, "stranger"):
            pass


@pytest.mark.parametrize("row", flow.SERVICES, ids=lambda row: row.name)
async def test_a_service_writes_what_its_row_says_and_nothing_else(running: BothRealms, row: flow.Service) -> None:
    """Among them: the gatekeeper cannot write attempts, the fan-out cannot write verdicts."""
    before = await stored(running, "exercise")
    async with running.service(row.name, "exercise") as user:
        for pattern, literal in LEDGER_SUBJECTS.items():
            may = pattern in row.writes
            assert await user.denied(literal, b"{}") != may, literal
        for subject in (subjects.EOC_STATE, "board.verdict.r1"):
            may = subject in row.broadcasts or (subjects.BOARD_ALL in row.broadcasts and "board" in subject)
            assert await user.denied(subject) != may, subject
        assert not await user.denied(row.heartbeat)
        assert await user.denied("health.someone-else")
        assert not await user.denied(row.dead_letters)
        assert await user.denied("desk.approval.submit.cao")
    allowed = len(LEDGER_SUBJECTS.keys() & set(row.writes))

    async def all_stored() -> bool:
        return await stored(running, "exercise") >= before + allowed

    await eventually(all_stored)
    assert await stored(running, "exercise") == before + allowed


@pytest.mark.parametrize("row", flow.SERVICES, ids=lambda row: row.name)
async def test_a_service_finds_what_it_needs_with_its_own_rights(running: BothRealms, row: flow.Service) -> None:
    async with running.service(row.name) as user:
        js = jetstream(user.nc, streams.SERVICE_API)
        assert await drift(js, row) == []
        for stream in row.reads:
            subject = f"{streams.SERVICE_API}.STREAM.MSG.GET.{stream}"
            answer = await user.nc.request(subject, b'{"seq": 99999}', timeout=PATIENCE)
            assert json.loads(answer.data)["error"]["err_code"] == 10037
        for consumer in row.consumes:
            pull = await js.pull_subscribe_bind(consumer.durable, consumer.stream)
            with contextlib.suppress(nats.errors.TimeoutError):  # an empty durable; a denial shows below
                await pull.fetch(1, timeout=0.05)
        assert user.denials == []


@pytest.mark.parametrize("row", flow.SERVICES, ids=lambda row: row.name)
async def test_no_service_alters_streams_or_reads_anothers_durable(running: BothRealms, row: flow.Service) -> None:
    foreign = next(c for c in streams.CONSUMERS if c not in row.consumes)
    async with running.service(row.name) as user:
        for api in (
            "STREAM.CREATE.LEDGER",
            "STREAM.UPDATE.LEDGER",
            "STREAM.DELETE.LEDGER",
            "STREAM.PURGE.LEDGER",
            "STREAM.MSG.DELETE.LEDGER",
            "STREAM.SNAPSHOT.LEDGER",
            "CONSUMER.CREATE.LEDGER",
            "CONSUMER.DURABLE.CREATE.LEDGER.mine",
            "CONSUMER.DELETE.LEDGER.audit-copy",
            f"CONSUMER.MSG.NEXT.LEDGER.{foreign.durable}",
            f"CONSUMER.PAUSE.LEDGER.{foreign.durable}",
            f"CONSUMER.UNPIN.LEDGER.{foreign.durable}",
            f"CONSUMER.RESET.LEDGER.{foreign.durable}",
            f"CONSUMER.LEADER.STEPDOWN.LEDGER.{foreign.durable}",
            "STREAM.LEADER.STEPDOWN.LEDGER",
            "STREAM.PEER.REMOVE.LEDGER",
            "STREAM.RESTORE.MEDIA",
            "STREAM.MSG.DELETE.MEDIA",
            "META.LEADER.STEPDOWN",
            "ACCOUNT.PURGE.CORE",
            *(f"CONSUMER.{verb}.{own.stream}.{own.durable}" for own in row.consumes for verb in _STOPS),
        ):
            assert await user.denied(f"{streams.OWN_API}.{api}", b"{}"), api
            assert await user.denied(f"{streams.SERVICE_API}.{api}", b"{}"), api
        assert await user.denied(f"$JS.ACK.LEDGER.{foreign.durable}.1.1.1.1.1", b"+ACK")
        assert await user.denied(f"{streams.SERVICE_API}.STREAM.PURGE.DEAD", b"{}")
        for subject in ("ledger.>", "_INBOX_provision.>", ">"):
            assert await user.subscribe_denied(subject), subject


async def test_a_broadcast_cannot_make_another_service_answer_into_the_ledger(running: BothRealms) -> None:
    """With allow_responses this would be permitted: the reply subject of any message could be answered on."""
    before = await stored(running)
    async with running.service("fanout") as fanout, running.service("board") as board:
        heard = await answering(board, subjects.HEALTH_ALL)
        await fanout.nc.publish("health.fanout", b"x", reply="ledger.verdict.forged")
        await flushed(fanout.nc)
        await filled(heard)

        async def refused() -> bool:
            return any("ledger.verdict.forged" in denial for denial in board.denials)

        await eventually(refused)
        assert len(heard) == 1
    assert await stored(running) == before


async def test_the_doctor_may_look_and_nothing_else(running: BothRealms) -> None:
    async with running.service("board") as board, running.person("doctor") as doctor:
        heard = await answering(board, "desk.board.query.*")
        reply = await doctor.nc.request("desk.board.query.doctor", b"hello", timeout=PATIENCE)
        assert reply.data == b"answered"
        assert len(heard) == 1
        for base in set(flow.OFFICER_MAY_SEND) - set(flow.DOCTOR_MAY_SEND):
            assert await doctor.denied(subjects.desk(base, "doctor")), base
        assert await doctor.denied("desk.board.query.clerk")
        assert await doctor.denied(subjects.CONTROL)
        assert await doctor.subscribe_denied(subjects.BOARD_ALL)


async def test_the_web_service_carries_and_asks_and_nothing_else(running: BothRealms) -> None:
    """Whoever has its key cannot append, send as somebody else, submit without a signature, or hear what is not its."""
    before = await stored(running)
    every = {base for row in flow.SERVICES for base in row.serves}
    async with running.service(flow.WEB) as web:
        for base in every:
            assert await web.denied(subjects.desk(base, flow.WEB)) != (base in flow.WEB_MAY_SEND), base
            assert await web.denied(subjects.desk(base, "pio")), base
        for subject in (*LEDGER_SUBJECTS.values(), "$JS.API.INFO", "CORE.API.STREAM.INFO.LEDGER", "eoc.state"):
            assert await web.denied(subject), subject
        for subject in ("board.verdict.r1", "health.web", "feed.ledger.control"):
            assert await web.denied(subject), subject
        for subject in ("ledger.>", "feed.>", "desk.>", ">", "health.*", "_INBOX_cao.>", "_INBOX.>", "$JS.>"):
            assert await web.subscribe_denied(subject), subject
        await web.nc.publish(subjects.desk(subjects.DESK_BOARD_QUERY, flow.WEB), b"x", reply="ledger.control")
        await flushed(web.nc)
    assert await stored(running) == before


async def test_the_web_service_reaches_the_services_and_watches_the_board(running: BothRealms) -> None:
    async with running.service("board") as board, running.service(flow.WEB) as web:
        heard = await answering(board, "desk.board.query.*")
        seen = await answering(web, subjects.BOARD_ALL)
        reply = await web.nc.request("desk.board.query.web", b"hello", timeout=PATIENCE)
        assert (reply.data, heard[0].subject) == (b"answered", "desk.board.query.web")
        await board.nc.publish("board.verdict.r1", b"seen")
        await flushed(board.nc)
        await filled(seen)
        assert [m.data for m in seen] == [b"seen"]


async def test_nobody_at_the_desk_speaks_as_the_web_service_or_to_it(running: BothRealms) -> None:
    """Its subjects do not lead out of the desk's account, and an answer cannot be aimed at what it watches."""
    async with (
        running.service("board") as board,
        running.service("intake") as intake,
        running.service(flow.WEB) as web,
        running.person("cao") as cao,
    ):
        seen = await answering(web, subjects.BOARD_ALL)
        heard = await answering(intake, "desk.web.*.*")
        asked = await answering(board, "desk.board.query.*")
        for base in set(flow.WEB_MAY_SEND) - set(flow.OFFICER_MAY_SEND):
            assert await cao.denied(subjects.desk(base, "cao")), base
            assert await cao.denied(subjects.desk(base, flow.WEB)), base
        assert await cao.denied("desk.approval.submit.web")
        await cao.nc.publish("desk.board.query.cao", b"x", reply="board.verdict.forged")
        await flushed(cao.nc)
        await filled(asked)
        await flushed(board.nc)
        await asyncio.sleep(0.1)
        assert (seen, heard) == ([], [])
