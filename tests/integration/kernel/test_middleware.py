"""What happens around a handler, on a real durable: acks, repeats, dead letters, beats, and one clear error."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js import api
from pydantic import TypeAdapter

from schemas import canonical, streams, subjects
from schemas.events.control import Hold
from schemas.events.dead import DeadLetter
from schemas.events.desk import OrderReply
from schemas.events.envelope import Envelope
from schemas.events.requests import Request
from services.kernel.base.errors import BadInput, Refused, Unreachable
from services.kernel.fold.reading import parse_control_event
from services.kernel.runtime.compose import Timings
from services.kernel.runtime.messages.dependencies import EntryOf, Sender
from services.kernel.runtime.messages.reasons import RetryLater
from services.kernel.runtime.service import Runtime
from tests.support.mission import PATIENCE, Mission, Writer, eventually

DURABLE = streams.GATEKEEPER_REQUESTS
Work = Callable[[Request, int], Any]


class Handler:
    """A handler of requests that does what the test tells it, and remembers its calls."""

    def __init__(self, work: Work | None = None) -> None:
        self.work = work
        self.calls: list[tuple[float, int]] = []
        self.done: list[int] = []

    async def on_request(self, event: Request, entry: EntryOf) -> None:
        """Remember the call, do the work."""
        self.calls.append((asyncio.get_running_loop().time(), entry.seq))
        if self.work is not None:
            await self.work(event, len(self.calls))
        self.done.append(entry.seq)

    def wire(self, runtime: Runtime) -> None:
        """Take requests."""
        runtime.bus.consume(DURABLE, Request.from_bytes, self.on_request)


async def pending(provisioner: Writer) -> tuple[int, int]:
    """How many messages wait for their ack, and how many were not delivered yet."""
    info = await provisioner.js.consumer_info(DURABLE.stream, DURABLE.durable)
    return int(info.num_ack_pending or 0), int(info.num_pending or 0)


async def set_ack_wait(provisioner: Writer, seconds: float) -> None:
    """Let the durable wait so long for an ack before it hands the message out again."""
    await provisioner.js.add_consumer(
        DURABLE.stream,
        api.ConsumerConfig(
            durable_name=DURABLE.durable,
            filter_subject=DURABLE.filter_subject,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=seconds,
            max_ack_pending=DURABLE.max_ack_pending,
        ),
    )


async def acked(provisioner: Writer) -> None:
    """Wait until all is delivered and acked."""

    async def look() -> bool:
        return await pending(provisioner) == (0, 0)

    await eventually(look)


async def letters(provisioner: Writer) -> list[DeadLetter]:
    return [DeadLetter.from_bytes(entry.data) for entry in await provisioner.ledger.history(subjects.DEAD_ALL)]


@pytest.fixture
async def begun(mission: Mission) -> Mission:
    await mission.begin()
    return mission


async def test_a_message_is_acked_after_its_handler_returned_and_not_before(begun: Mission) -> None:
    go, entered = asyncio.Event(), asyncio.Event()

    async def wait(_event: Request, _call: int) -> None:
        entered.set()
        await go.wait()

    handler = Handler(wait)
    await begun.run_with("gatekeeper", handler.wire)
    provisioner, intake = await begun.provisioner(), await begun.writer("intake")
    await intake.submit()
    await asyncio.wait_for(entered.wait(), PATIENCE)
    await asyncio.sleep(0.3)
    assert await pending(provisioner) == (1, 0)
    go.set()
    await acked(provisioner)
    assert len(handler.calls) == 1


async def test_a_handler_that_raises_gets_the_message_again_after_growing_pauses(begun: Mission) -> None:
    async def fail(_event: Request, call: int) -> None:
        if call <= 3:
            raise RuntimeError("not yet")

    handler = Handler(fail)
    await begun.run_with("gatekeeper", handler.wire)
    await (await begun.writer("intake")).submit()

    async def look() -> bool:
        return len(handler.done) == 1

    await eventually(look)
    times = [when for when, _ in handler.calls]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(pauses) == 3
    assert pauses[0] >= 0.45
    assert pauses[1] >= 0.95
    assert pauses[2] >= 1.95
    assert len({seq for _, seq in handler.calls}) == 1
    await acked(await begun.provisioner())


async def test_a_handler_may_ask_for_the_same_message_later(begun: Mission) -> None:
    async def later(_event: Request, call: int) -> None:
        if call == 1:
            raise RetryLater(1.2, "not its turn")

    handler = Handler(later)
    await begun.run_with("gatekeeper", handler.wire)
    await set_ack_wait(await begun.provisioner(), 2 * PATIENCE)
    intake = await begun.writer("intake")
    await intake.submit()

    async def look() -> bool:
        return len(handler.done) == 1

    await eventually(look)
    (first, one), (second, two) = handler.calls
    assert one == two
    assert 1.1 <= second - first < PATIENCE, "it was asked for, and not just missed"


async def test_what_cannot_be_read_is_put_aside_and_holds_nothing_up(begun: Mission) -> None:
    """Bytes that are no JSON, JSON that is no request, a key twice: a person finds each, the next is handled."""
    handler = Handler()
    await begun.run_with("gatekeeper", handler.wire)
    provisioner, intake = await begun.provisioner(), await begun.writer("intake")
    broken = [
        b"\xff{",
        b'{"type":"request"}',
        b'{"a":1,"a":1}',
        b"",
        b"[]",
        b'{"deep":' + b"[" * 200 + b"]" * 200 + b"}",
    ]
    for number, raw in enumerate(broken):
        await intake.js.publish(f"ledger.request.bad{number}", raw, stream=streams.LEDGER)
    good = await intake.submit()

    async def look() -> bool:
        return len(await letters(provisioner)) == len(broken) and len(handler.done) == 1

    await eventually(look)
    found = sorted(await letters(provisioner), key=lambda letter: letter.seq)
    assert [base64.b64decode(letter.data_base64) for letter in found] == broken
    assert {letter.service for letter in found} == {"gatekeeper"}
    assert [letter.subject for letter in found] == [f"ledger.request.bad{number}" for number in range(len(broken))]
    assert all(letter.error for letter in found)
    assert "'a' occurs twice" in found[2].error
    entry = await intake.ledger.last(subjects.request(good.request_id))
    assert entry is not None
    assert handler.done == [entry.seq]
    await acked(provisioner)


async def test_a_huge_unreadable_message_is_put_aside_too(begun: Mission) -> None:
    """Its letter keeps the beginning; base64 would make it larger than the broker takes."""
    handler = Handler()
    await begun.run_with("gatekeeper", handler.wire)
    provisioner, intake = await begun.provisioner(), await begun.writer("intake")
    raw = b"x" * (7 * 1024 * 1024)
    ack = await intake.js.publish("ledger.request.huge", raw, stream=streams.LEDGER, timeout=PATIENCE)
    (letter,) = await eventually(lambda: letters(provisioner))
    assert letter.seq == ack.seq
    assert raw.startswith(base64.b64decode(letter.data_base64))
    await acked(provisioner)


@pytest.mark.parametrize(
    "work",
    [
        lambda: Request.from_bytes(b"{}"),
        lambda: canonical.loads(b"{"),
        lambda: parse_control_event(b'{"type":"nothing"}'),
        lambda: TypeAdapter(int).validate_python("x"),
    ],
    ids=["a contract", "strict JSON", "a union", "a plain type"],
)
async def test_what_a_handler_cannot_read_elsewhere_does_not_make_its_message_poison(
    begun: Mission, work: Callable[[], Any]
) -> None:
    """The message is kept and comes again; nothing is put aside."""

    async def fail_once(_event: Request, call: int) -> None:
        if call == 1:
            work()

    handler = Handler(fail_once)
    await begun.run_with("gatekeeper", handler.wire)
    await (await begun.writer("intake")).submit()

    async def look() -> bool:
        return len(handler.done) == 1

    await eventually(look)
    assert len(handler.calls) == 2
    assert await letters(await begun.provisioner()) == []


class Pulse:
    """Asks the broker all the time while a block lasts; ``longest``: between two answers at the most, in seconds."""

    def __init__(self, client: Client) -> None:
        self.longest = 0.0
        self._client = client
        self._over = False

    async def __aenter__(self) -> Pulse:
        self._asking = asyncio.create_task(self._ask())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over = True  # not cancelled: nats-py stumbles over the answer to a flush that nobody waits for
        await self._asking

    async def _ask(self) -> None:
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while not self._over:
            await self._client.flush(timeout=int(PATIENCE))
            heard, before = loop.time(), heard
            self.longest = max(self.longest, heard - before)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("beat", "runs_twice"), [(0.25, False), (60.0, True)], ids=["with beats", "without"])
async def test_beats_keep_a_slow_handler_from_running_twice(begun: Mission, beat: float, runs_twice: bool) -> None:
    """A handler that takes three times the ack wait; without beats the server hands the message out again.

    So it does with beats when the machine stands still for that long: then both take longer the next time.
    """
    again = asyncio.Event()

    async def slow(_event: Request, call: int) -> None:
        if call > 1:
            again.set()
        elif runs_twice:
            await asyncio.wait_for(again.wait(), PATIENCE)
        else:
            await asyncio.sleep(3 * ack_wait)

    handler = Handler(slow)

    def wire(runtime: Runtime) -> None:
        runtime.bus.consume(DURABLE, Request.from_bytes, handler.on_request, workers=4)

    async def ended() -> bool:
        return len(handler.done) == len(handler.calls) > 0

    await begun.run_with("gatekeeper", wire, Timings(in_progress=beat))
    provisioner, intake = await begun.provisioner(), await begun.writer("intake")
    for ack_wait in (1.0, 4.0, 16.0):
        handler.calls, handler.done = [], []
        await set_ack_wait(provisioner, ack_wait)
        async with Pulse(provisioner.client) as pulse:
            await intake.submit()
            await eventually(ended)
            await acked(provisioner)
        if (len(handler.calls) > 1) == runs_twice or pulse.longest < ack_wait - beat:
            break
    assert (len(handler.calls) > 1) == runs_twice


# --- the desk -----------------------------------------------------------------------------------------------


async def test_the_desk_gets_one_clear_error_whatever_happens(begun: Mission) -> None:
    """Bad input is the sender's (2), a no is 4, an unreachable ledger 6, a fault of the service 1."""
    raised: list[Exception] = []

    async def on_order(order: Envelope, sender: Sender) -> OrderReply:
        if raised:
            raise raised[0]
        return OrderReply(control_seq=1, posture="routine", in_flight=len(sender))

    def wire(runtime: Runtime) -> None:
        runtime.bus.serve(subjects.DESK_EOC_ORDER, Envelope.from_bytes, on_order)

    await begun.run_with("eoc_state", wire)
    desk = await begun.desk("cao")
    good = desk.signed_order(Hold(on=True)).to_bytes()
    assert (await desk.ask(subjects.DESK_EOC_ORDER, good))["in_flight"] == len("cao")

    async def told(raw: bytes = good) -> tuple[str, int]:
        error = (await desk.ask(subjects.DESK_EOC_ORDER, raw))["error"]
        assert error["message"]
        assert "Traceback" not in error["message"]
        return error["code"], error["exit_status"]

    assert await told(b"") == ("input.malformed", 2)
    assert await told(b"\xff") == ("input.malformed", 2)
    assert await told(b'{"a":1,"a":2}') == ("input.malformed", 2)
    assert await told(b'{"a":"\\ud800"}') == ("input.malformed", 2)
    assert await told(b"[" * 500 + b"]" * 500) == ("input.malformed", 2)
    assert await told(b'{"a":' + b"9" * 5000 + b"}") == ("input.malformed", 2)
    assert await told(b"[]") == ("input.invalid", 2)
    assert await told(b"{}") == ("input.invalid", 2)
    assert await told(good[:-1] + b',"more":1}') == ("input.invalid", 2)
    assert await told(b'{"a":"' + b"x" * 1_000_000 + b'"}') == ("input.too_large", 2)
    for error, answer in (
        (BadInput("some.code", "wrong"), ("some.code", 2)),
        (Refused("some.code", "no"), ("some.code", 4)),
        (Unreachable("some.code", "gone"), ("some.code", 6)),
        (RuntimeError("a bug"), ("internal", 1)),
    ):
        raised[:] = [error]
        assert await told() == answer
    for broken in (lambda: Request.from_bytes(b"{}"), lambda: TypeAdapter(int).validate_python("x")):
        raised.clear()
        with pytest.raises(ValueError, match="validation error") as own:
            broken()
        raised.append(own.value)
        assert await told() == ("internal", 1)
    raised.clear()
    assert (await desk.ask(subjects.DESK_EOC_ORDER, good))["accepted"] is True


async def test_a_message_without_a_reply_subject_is_handled_and_hurts_nothing(begun: Mission) -> None:
    seen: list[str] = []

    async def on_order(order: Envelope, sender: Sender) -> OrderReply:
        seen.append(sender)
        return OrderReply(control_seq=1, posture="routine")

    def wire(runtime: Runtime) -> None:
        runtime.bus.serve(subjects.DESK_EOC_ORDER, Envelope.from_bytes, on_order)

    await begun.run_with("eoc_state", wire)
    desk = await begun.desk("cao")
    subject = subjects.desk(subjects.DESK_EOC_ORDER, "cao")
    await desk.client.publish(subject, b"{")
    await desk.client.publish(subject, desk.signed_order(Hold(on=True)).to_bytes())
    assert (await desk.order(Hold(on=True)))["accepted"] is True

    async def both() -> bool:
        return len(seen) == 2

    await eventually(both)  # several are handled at once: an answer to the last says nothing of the one before it
    assert seen == ["cao", "cao"]
