"""A projection on a real nats-server: restarts, a feed that loses messages, a ledger that was rewound, and junk."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
from typing import Any

import nats.errors
import pytest

from schemas import subjects
from schemas.events.control import Hold
from schemas.events.desk import ServiceHealth
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import Unreachable
from services.kernel.base.logs import logger
from services.kernel.base.tasks import cancel_all
from services.kernel.control.control_view import authority_of
from services.kernel.fold.ledger_fold import EVERYTHING, Applied, LedgerFold
from services.kernel.ledger.client import Entry, Ledger
from services.kernel.ledger.integrity.checks import IntegrityFault
from services.kernel.projection.projection import LOOK_SECONDS, Projection
from services.kernel.projection.source import NatsSource, OnEntry
from services.kernel.runtime.service import Runtime
from tests.support.batches import attempts, fenced
from tests.support.messages import verdict_on
from tests.support.mission import PATIENCE, Desk, Mission, Writer, eventually, flushed

JUNK = (b"", b"junk", b"\xff\xfe\x00", b"{}", b'{"type": "ordered"}', b"[" * 3_000, b'{"type":"genesis","at":1}')


class Logged:
    """A log that keeps of which kinds of entries it was alarmed."""

    def __init__(self) -> None:
        self.alarms: set[str] = set()

    def error(self, what: str, **fields: Any) -> None:
        if what == "ALARM: a void entry":
            self.alarms.add(fields["subject"].split(".")[1])

    def info(self, *_: Any, **__: Any) -> None:
        """Nothing to keep."""

    debug = warning = info


class Following:
    """A projection with a service's key; ``drop`` loses what the feed brings, ``seen`` is what was folded."""

    def __init__(self, mission: Mission, writer: Writer, look: float) -> None:
        self.seen: list[int] = []
        self.lost = 0
        self.ledger: Ledger = writer.ledger
        self.drop: Any = lambda _entry: False
        source = NatsSource(self.ledger)
        subscribe = source.subscribe

        async def losing(on_entry: OnEntry) -> None:
            def hear(entry: Entry) -> None:
                if self.drop(entry):
                    self.lost += 1
                else:
                    on_entry(entry)

            await subscribe(hear)

        source.subscribe = losing  # type: ignore[method-assign]
        client: Any = writer.client
        client._disconnected_cb, client._reconnected_cb = self._disconnected, self._reconnected
        fold = LedgerFold(authority_of(mission.city), EVERYTHING)
        self.projection = Projection(source, fold, self.ledger, SystemClock(), logger(service="test"), look)
        self.projection.listen(self._folded)

    def _folded(self, entry: Entry, _applied: Applied) -> None:
        self.seen.append(entry.seq)

    async def _disconnected(self) -> None:
        self.projection.disconnected()

    async def _reconnected(self) -> None:
        await asyncio.sleep(2.0)  # the feed may be quicker than whoever says that the connection is back
        self.projection.reconnected()

    async def __aenter__(self) -> Following:
        await self.projection.start()
        self._run = asyncio.create_task(self.projection.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancel_all(self._run)


async def following(mission: Mission, service: str = "gatekeeper", look: float = LOOK_SECONDS) -> Following:
    return Following(mission, await mission.writer(service), look)


async def test_it_folds_each_entry_once_and_in_order_over_a_broker_that_is_killed(mission: Mission) -> None:
    control = await mission.begin()
    writer = await mission.writer("fanout")
    async with await following(mission) as one:
        for _ in range(3):
            acks = await asyncio.gather(*(fenced(writer.ledger, event) for event in attempts(control, 40)))
            assert mission.broker.pid is not None
            os.kill(mission.broker.pid, signal.SIGKILL)
            await mission.restart()
            acks += await asyncio.gather(*(fenced(writer.ledger, event) for event in attempts(control, 40)))
            await _reached(one, max(ack.seq for ack in acks))
        last = await writer.ledger.last_seq()
        assert one.seen == list(range(1, last + 1))
        assert one.ledger.fault is None


async def _connected(one: Following) -> None:
    async def look() -> bool:
        return bool(one.ledger.client.is_connected)

    await eventually(look, every=0.005)


async def _reached(one: Following, seq: int) -> None:
    """Wait, also while the client has not found the broker again."""

    async def look() -> bool:
        try:
            await one.projection.at_least(seq, 1.0)
        except Unreachable:
            return False
        return True

    await eventually(look)


async def _told(desk: Desk, action: Any) -> dict[str, Any]:
    """Order as a person does who repeats it while nobody answers: services and desk have to find the broker again."""

    async def look() -> dict[str, Any] | None:
        try:
            return await desk.order(action)
        except (nats.errors.Error, OSError):
            return None

    answer: dict[str, Any] = await eventually(look)
    return answer


@pytest.mark.parametrize("every", [1, 3], ids=["all", "each third"])
async def test_what_the_feed_lost_is_read_and_folded_in_order(mission: Mission, every: int) -> None:
    control = await mission.begin()
    writer = await mission.writer("fanout")
    async with await following(mission) as one:
        one.drop = lambda entry: entry.seq % every == 0
        acks = await asyncio.gather(*(fenced(writer.ledger, event) for event in attempts(control, 300)))
        await one.projection.at_least(max(ack.seq for ack in acks), PATIENCE)
        assert one.lost >= 300 // every
        assert one.seen == list(range(1, 302))


async def test_a_sequence_whose_feed_message_was_lost_is_read_by_who_waits_for_it(mission: Mission) -> None:
    """Nothing else comes that would show the gap: the waiter has it read."""
    control = await mission.begin()
    writer = await mission.writer("fanout")
    async with await following(mission, look=2 * PATIENCE) as one:  # nobody looks by the clock
        one.drop = lambda _entry: True
        for event in attempts(control, 5):
            ack = await fenced(writer.ledger, event)
            await one.projection.at_least(ack.seq, seconds=PATIENCE)
        assert one.lost == 5
        assert one.seen == list(range(1, 7))


async def test_a_ledger_that_was_rewound_stops_it(mission: Mission) -> None:
    """An older copy of the store is put back: what it had seen is not there, or another entry is there."""
    control = await mission.begin()
    writer = await mission.writer("fanout")
    store, older = mission.city.var / "nats" / "jetstream", mission.city.var / "older"
    async with await following(mission) as one:
        ack = await fenced(writer.ledger, attempts(control, 1)[0])
        await mission.broker.stop()
        await asyncio.to_thread(shutil.copytree, store, older)
        await mission.restart()
        for event in attempts(control, 3):
            ack = await fenced(writer.ledger, event)
        await _reached(one, ack.seq)
        await mission.broker.stop()
        await asyncio.to_thread(shutil.rmtree, store)
        await asyncio.to_thread(shutil.copytree, older, store)
        await mission.restart()
        other = await mission.writer("fanout")
        await flushed(other.client)
        await _connected(one)
        for event in attempts(control, 5):  # the sequences are used again, and more
            await fenced(other.ledger, event)
        seen = list(one.seen)

        async def faulty() -> bool:
            return one.ledger.fault is not None

        await eventually(faulty)
        assert one.ledger.fault is not None
        assert one.ledger.fault.code == "ledger.rewound"
        with pytest.raises(IntegrityFault):
            await fenced(one.ledger, attempts(control, 1)[0])
        assert one.seen == seen, "nothing of the other story is folded"


async def test_a_feed_that_is_quicker_than_the_look_at_a_rewound_ledger_is_not_folded(mission: Mission) -> None:
    """The other story has grown past what was seen before anybody compares: its entries must not pass for the next."""
    control = await mission.begin()
    writer = await mission.writer("fanout")
    store, older = mission.city.var / "nats" / "jetstream", mission.city.var / "older"
    async with await following(mission) as one:
        one._run.cancel()  # nobody looks by the clock
        await mission.broker.stop()
        await asyncio.to_thread(shutil.copytree, store, older)
        await mission.restart()
        await fenced(writer.ledger, attempts(control, 1)[0])
        await _connected(one)
        await one.projection.catch_up()
        await mission.broker.stop()
        await asyncio.to_thread(shutil.rmtree, store)
        await asyncio.to_thread(shutil.copytree, older, store)
        await mission.restart()
        await _connected(one)
        other = await mission.writer("registry")
        for _ in range(3):
            await other.js.publish(subjects.CONTROL, secrets.token_hex(8).encode())
        await flushed(one.ledger.client)
        await asyncio.sleep(0.05)
        with pytest.raises(IntegrityFault):
            await one.projection.catch_up()
        assert one.seen == [1, 2]
        assert one.ledger.fault is not None


async def test_a_service_on_a_rewound_ledger_holds_everything_back_and_says_so(mission: Mission) -> None:
    await mission.run("registry", "eoc_state", "intake", "gatekeeper")
    board = await mission.writer("board")
    store, older = mission.city.var / "nats" / "jetstream", mission.city.var / "older"
    said: dict[str, str | None] = {}

    async def hear(message: Any) -> None:
        beat = ServiceHealth.from_bytes(message.data)
        said[beat.service] = beat.trouble

    await board.client.subscribe(subjects.HEALTH_ALL, cb=hear)
    await mission.broker.stop()
    await asyncio.to_thread(shutil.copytree, store, older)
    await mission.restart()
    cao = await mission.desk("cao")
    assert "error" not in await _told(cao, Hold(on=True))
    await mission.broker.stop()
    await asyncio.to_thread(shutil.rmtree, store)
    await asyncio.to_thread(shutil.copytree, older, store)
    said.clear()
    await mission.restart()

    async def told() -> bool:
        return all("holds everything back" in (said.get(name) or "") for name in ("eoc_state", "intake", "gatekeeper"))

    await eventually(told)
    reply = await _told(cao, Hold(on=False))
    assert reply["error"]["code"] == "ledger.rewound"


async def test_junk_stops_nobody_is_told_and_is_the_control_revision(mission: Mission) -> None:
    """Junk bytes with a service's key, on each subject that one may write: void, with an alarm, for every reader."""
    logged = Logged()

    def listen(runtime: Runtime) -> None:
        runtime.projection._log = logged

    runtimes = await mission.run("registry", "eoc_state", "intake", "gatekeeper", tune=listen)
    gatekeeper = next(one for one in runtimes if one.row.name == "gatekeeper")
    said: dict[str, str] = {}
    board = await mission.writer("board")

    async def hear(message: Any) -> None:
        beat = ServiceHealth.from_bytes(message.data)
        said[beat.service] = beat.trouble or ""

    await board.client.subscribe(subjects.HEALTH_ALL, cb=hear)
    writers = {name: await mission.writer(name) for name in ("registry", "intake", "gatekeeper", "fanout")}
    request = await writers["intake"].submit()
    places = (
        ("intake", subjects.request("junk")),
        ("intake", subjects.approval(request.request_id, "cao")),
        ("gatekeeper", subjects.verdict("junk")),
        ("fanout", subjects.attempt("fire-townsquare", request.request_id)),
        ("fanout", subjects.receipt("fire-townsquare", request.request_id)),
        ("fanout", subjects.resolution("fire-townsquare", request.request_id)),
        ("registry", subjects.CONTROL),
    )
    for service, subject in places:
        for body in JUNK:
            ack = await writers[service].js.publish(subject, body)
    await gatekeeper.projection.at_least(ack.seq, PATIENCE)
    assert gatekeeper.fold.control_seq == ack.seq
    assert gatekeeper.fold.control.seq == ack.seq, "the revision that decisions name"
    assert gatekeeper.projection.void_count >= len(JUNK) * len(places)
    fresh = await writers["intake"].submit()

    async def decided() -> Any:
        return await writers["gatekeeper"].verdict(fresh.request_id)

    verdict = await eventually(decided)
    assert verdict.control_seq == ack.seq
    done = await (await mission.desk("cao")).order(Hold(on=True))
    assert "error" not in done

    async def told() -> bool:
        return all("void" in said.get(name, "") for name in ("eoc_state", "intake", "gatekeeper"))

    await eventually(told)
    assert {"request", "approval", "verdict", "attempt", "receipt", "resolution", "control"} <= logged.alarms


async def test_a_verdict_that_control_overtook_is_no_alarm_and_no_trouble(mission: Mission) -> None:
    """It was decided, then control moved on, then it was stored: the gate loses that race now and then."""
    control = await mission.begin()
    intake, gatekeeper = await mission.writer("intake"), await mission.writer("gatekeeper")
    request = await intake.submit()
    verdict = a_verdict(request, control_seq=control, as_of=await intake.ledger.last_seq())
    await mission.order("pio", Hold(on=True))
    async with await following(mission) as one:
        logged = one.projection._log = Logged()
        ack = await gatekeeper.ledger.append(subjects.verdict(request.request_id), verdict)
        await one.projection.at_least(ack.seq, PATIENCE)
        state = one.projection.fold.requests[request.request_id]
        assert (state.verdict, state.verdict_last) == (None, ack.seq), "it is void"
        assert (logged.alarms, one.projection.void_count) == (set(), 0)
        other = a_verdict(request, control_seq=ack.seq, as_of=ack.seq)
        ack = await gatekeeper.ledger.append(subjects.verdict(request.request_id), other)
        await one.projection.at_least(ack.seq, PATIENCE)
        assert (logged.alarms, one.projection.void_count) == ({"verdict"}, 1), "of a revision that never was"


def a_verdict(request: Request, **changes: Any) -> Verdict:
    return verdict_on(request, SystemClock().now(), outcome=Outcome.BLOCKED, **changes)
