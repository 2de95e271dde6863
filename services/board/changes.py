"""Broadcasts each entry of the ledger as it is folded, in order and once, and how far the broadcast is."""

from __future__ import annotations

import asyncio
from collections import deque

from schemas import canonical, subjects
from schemas.events.broadcasts import BoardBeat
from schemas.events.desk import BoardEvent
from services.kernel.fold.ledger_fold import Applied
from services.kernel.ledger.client import Entry
from services.kernel.runtime.service import Runtime

BEAT_SECONDS = 1.0
PAGE = 500
"""Entries of one answer to somebody who missed some."""

FEWEST, MOST, MOST_BYTES = 8, 100, 262_144
"""So many entries that wait together are told in one message, while a message goes out to many profiles."""

MANY, WINDOW = 100, 0.25
"""Once so many entries were told within so many seconds the next ones wait until those are over."""

BEHIND = 20_000
"""Entries that wait for the broadcast at most; older ones are left out, and whoever misses them asks for them."""


class Changes:
    """The board's stream of changes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: deque[Entry] = deque(maxlen=BEHIND)
        self._woken = asyncio.Event()
        self._broadcast_seq = 0
        runtime.projection.listen(self._on_folded)

    async def broadcast(self) -> None:
        """Broadcast what is folded; without end."""
        client, clock = self._runtime.ledger.client, self._runtime.clock
        begun, told = clock.monotonic(), 0
        while True:
            await self._woken.wait()
            self._woken.clear()
            if clock.monotonic() - begun > WINDOW:
                begun, told = clock.monotonic(), 0
            while self._waiting:
                entries = take_together(self._waiting)
                events = [_event(entry) for entry in entries]
                if len(entries) > 1:
                    await client.publish(subjects.BOARD_TOGETHER, b'{"events":[' + b",".join(events) + b"]}")
                else:
                    await client.publish(_subject(entries[0]), events[0])
                self._broadcast_seq = entries[-1].seq
                told += len(entries)
            if told > MANY:
                await asyncio.sleep(begun + WINDOW - clock.monotonic())

    async def beat(self) -> None:
        """Broadcast once a second how far the broadcast is; without end."""
        self._broadcast_seq = self._broadcast_seq or self._runtime.fold.seq
        while True:
            now, control = self._runtime.clock.now(), self._runtime.control
            beat = BoardBeat(at=now, seq=self._broadcast_seq, control_seq=control.seq)
            await self._runtime.bus.publish(subjects.BOARD_BEAT, beat)
            await asyncio.sleep(BEAT_SECONDS)

    async def since(self, seq: int, *, of_messages: bool = False) -> tuple[BoardEvent, ...]:
        """Return the next entries above a sequence; of them only what a list of messages needs, if wished.

        Raises:
            Unreachable: the broker does not answer.
        """
        async for batch in self._runtime.source.entries(seq, size=PAGE):
            events = map(of_message, batch) if of_messages else map(as_event, batch)
            return tuple(event for event in events if event is not None)
        return ()

    def _on_folded(self, entry: Entry, _applied: Applied) -> None:
        self._waiting.append(entry)
        self._woken.set()


def take_together(waiting: deque[Entry]) -> list[Entry]:
    """Take the entries that are told next, in order: one alone while few wait, or while it is a large one."""
    taken = [waiting.popleft()]
    size = len(taken[0].data)
    if len(waiting) + 1 < FEWEST:
        return taken
    while waiting and len(taken) < MOST and size + len(waiting[0].data) <= MOST_BYTES:
        taken.append(waiting.popleft())
        size += len(taken[-1].data)
    return taken


def _subject(entry: Entry) -> str:
    kind, request_id, profile = subjects.place_of(entry.subject)
    return subjects.board(kind or "other", request_id or profile or kind or "other")


def _event(entry: Entry) -> bytes:
    """Return the bytes of a BoardEvent. The body goes in unparsed: it is canonical JSON already."""
    at = entry.at.isoformat().replace("+00:00", "Z")
    head = canonical.dumps({"seq": entry.seq, "subject": entry.subject})
    if not entry.data.startswith(b"{"):
        return as_event(entry).to_bytes()
    return b'{"at":"' + at.encode() + b'","body":' + entry.data + b"," + head[1:]


def of_message(entry: Entry) -> BoardEvent | None:
    """Return an entry for a list of messages, a verdict or receipt with its outcome alone; None: it tells of none."""
    kind = subjects.place_of(entry.subject).kind
    if kind == "request":
        return as_event(entry)
    if kind not in ("verdict", "receipt"):
        return None
    event = as_event(entry)
    return event.model_copy(update={"body": {"outcome": event.body.get("outcome")}})


def as_event(entry: Entry) -> BoardEvent:
    """Return an entry for people who watch; its body says so when it cannot be read."""
    try:
        body = canonical.loads(entry.data)
    except canonical.StrictJsonError:
        body = None
    return BoardEvent(
        seq=entry.seq, subject=entry.subject, at=entry.at, body=body if isinstance(body, dict) else {"unreadable": True}
    )
