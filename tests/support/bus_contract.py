"""What every message bus does, real or simulated: one suite, run on NATS with FastStream and on the simulation.

A subclass gives ``stage``: a running eoc_state with the handlers of ``Handlers``, and ways to reach it from outside.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from schemas import canonical, streams, subjects
from schemas.events.broadcasts import EocBroadcast
from schemas.events.control import EocActive
from schemas.events.dead import DeadLetter, DeadLetterCause
from schemas.events.desk import OrderReply, ServiceHealth
from schemas.events.envelope import Envelope
from services.kernel.base.errors import Refused
from services.kernel.ledger.client import Entry, Ledger
from services.kernel.runtime.messages.dependencies import EntryOf, Sender
from services.kernel.runtime.messages.reasons import RetryLater
from services.kernel.runtime.service import Runtime
from tests.support.mission import PATIENCE, eventually, now

ALIVE = subjects.health("fanout")
_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


def read_object(raw: bytes) -> dict[str, Any]:
    """Read bytes strictly as a JSON object; raises StrictJsonError or pydantic.ValidationError."""
    return _OBJECT.validate_python(canonical.loads(raw))


@dataclass
class Handlers:
    """One handler for each kind of message; ``raises`` is raised once, by whichever is called next."""

    raises: list[Exception] = field(default_factory=list)
    entries: list[tuple[dict[str, Any], Entry]] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def wire(self, runtime: Runtime) -> None:
        """Register them."""
        runtime.bus.consume(streams.EOC_STATE_CONTROL, read_object, self.on_control)
        runtime.bus.serve(subjects.DESK_EOC_ORDER, Envelope.from_bytes, self.on_order)
        runtime.bus.subscribe(ALIVE, ServiceHealth.from_bytes, self.on_health)

    async def on_control(self, event: dict[str, Any], entry: EntryOf) -> None:
        """Remember an entry."""
        self._trip()
        self.entries.append((event, entry))

    async def on_order(self, order: Envelope, sender: Sender) -> OrderReply:
        """Answer."""
        self._trip()
        self.orders.append(sender)
        return OrderReply(control_seq=7, posture="routine")

    async def on_health(self, event: ServiceHealth) -> None:
        """Remember who lives."""
        self._trip()
        self.heard.append(event.instance)

    def _trip(self) -> None:
        if self.raises:
            raise self.raises.pop()


@dataclass
class BusStage:
    """A running service and its surroundings.

    ``ledger`` appends as eoc_state, ``reader`` reads any stream; ``order`` is a signed envelope; ``pending`` counts
    what waits for its ack.
    """

    handlers: Handlers
    runtime: Runtime
    ledger: Ledger
    reader: Ledger
    order: Envelope
    ask: Callable[[bytes], Awaitable[dict[str, Any]]]
    broadcast: Callable[[str, bytes], Awaitable[None]]
    listen: Callable[[str], Awaitable[asyncio.Queue[bytes]]]
    pending: Callable[[], Awaitable[int]]

    async def append(self) -> int:
        """Append a control event; return its sequence."""
        return (await self.ledger.append(subjects.CONTROL, EocActive(at=now(), activating_seq=1))).seq

    async def handled(self, seq: int) -> tuple[dict[str, Any], Entry]:
        """Wait until the entry at a sequence is handled, and nothing waits for its ack any more."""

        async def look() -> tuple[dict[str, Any], Entry] | None:
            found = [(event, entry) for event, entry in self.handlers.entries if entry.seq == seq]
            return found[0] if found and await self.pending() == 0 else None

        found: tuple[dict[str, Any], Entry] = await eventually(look)
        return found

    async def letters(self) -> list[DeadLetter]:
        """The dead letters so far."""
        return [DeadLetter.from_bytes(entry.data) for entry in await self.reader.history(subjects.DEAD_ALL)]


class BusContract:
    """The suite."""

    async def test_an_entry_comes_to_its_handler_read_with_its_place_and_is_acked(self, stage: BusStage) -> None:
        seq = await stage.append()
        event, entry = await stage.handled(seq)
        assert (event["type"], entry.subject) == ("eoc_active", subjects.CONTROL)
        stored = await stage.ledger.get(seq)
        assert stored is not None
        assert (entry.seq, entry.at, entry.data) == (stored.seq, stored.at, stored.data)

    async def test_what_was_not_done_comes_again(self, stage: BusStage) -> None:
        await stage.handled(await stage.append())
        stage.handlers.raises[:] = [RuntimeError("a bug"), RetryLater(0.05, "not its turn")]
        seq = await stage.append()
        await stage.handled(seq)
        assert stage.handlers.raises == []
        assert [entry.seq for _, entry in stage.handlers.entries].count(seq) == 1
        assert await stage.letters() == []

    async def test_what_cannot_be_read_is_a_dead_letter_and_holds_nothing_up(self, stage: BusStage) -> None:
        for raw in (b"\xff{", b"[]"):
            await stage.ledger.js.publish(subjects.CONTROL, raw, stream=streams.LEDGER, timeout=PATIENCE)
        await stage.handled(await stage.append())
        found = await stage.letters()
        assert [letter.cause for letter in found] == [DeadLetterCause.UNREADABLE] * 2
        assert {(letter.service, letter.durable) for letter in found} == {("eoc_state", "eoc-state-control")}

    async def test_the_desk_gets_its_reply_or_one_clear_error(self, stage: BusStage) -> None:
        good = stage.order.to_bytes()
        assert (await stage.ask(good))["control_seq"] == 7
        assert stage.handlers.orders == ["cao"]

        async def code(raw: bytes) -> str:
            return str((await stage.ask(raw))["error"]["code"])

        assert await code(b"{") == "input.malformed"
        assert await code(b"{}") == "input.invalid"
        assert await code(b" " * 300_000) == "input.too_large"
        stage.handlers.raises[:] = [Refused("some.code", "no")]
        assert await code(good) == "some.code"
        stage.handlers.raises[:] = [RuntimeError("a bug")]
        assert await code(good) == "internal"
        assert stage.handlers.orders == ["cao"]

    async def test_a_broadcast_that_fails_is_missed_and_the_next_is_heard(self, stage: BusStage) -> None:
        async def say(instance: str) -> None:
            health = ServiceHealth(service="fanout", instance=instance, at=now(), control_seq=1, version="1")
            await stage.broadcast(ALIVE, health.to_bytes())

        async def failed() -> bool:
            return not stage.handlers.raises

        async def settled() -> bool:
            return bool(stage.handlers.entries) and await stage.pending() == 0

        await eventually(settled)  # or what begins the ledger is what fails
        stage.handlers.raises[:] = [RuntimeError("a bug")]
        await say("one")
        await eventually(failed)
        await stage.broadcast(ALIVE, b"{")
        await say("two")

        async def heard() -> bool:
            return stage.handlers.heard == ["two"]

        await eventually(heard)

    async def test_what_is_published_reaches_who_listens_as_it_is(self, stage: BusStage) -> None:
        queue = await stage.listen(subjects.EOC_STATE)
        event = EocBroadcast(at=now(), posture="routine", control_seq=1, hold=False, in_flight=0)
        await stage.runtime.bus.publish(subjects.EOC_STATE, event)
        assert json.loads(await asyncio.wait_for(queue.get(), PATIENCE)) == json.loads(event.to_bytes())


__all__ = ["ALIVE", "BusContract", "BusStage", "Handlers"]
