"""Broadcasts each entry of the ledger as it is folded, in order and once, and how far the broadcast is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

import nats.errors

from schemas import canonical, subjects
from schemas.events.broadcasts import BoardBeat
from schemas.events.desk import BoardEvent
from services.board.domain.paging import MOST_BYTES, first_within
from services.kernel.fold.ledger_fold import Applied
from services.kernel.ledger.client import Entry
from services.kernel.runtime.service import Runtime

BEAT_SECONDS = 1.0
PAGE = 500
"""Entries of one answer to somebody who missed some."""

FEWEST, MOST, TOGETHER_BYTES = 8, 100, 262_144
"""So many entries that wait together are broadcast in one message, while a message goes out to many profiles."""

MANY, WINDOW = 100, 0.25
"""Once so many entries were broadcast within so many seconds the next ones wait until those are over."""

BESIDE_BODY = 300
"""Bytes of an entry in an answer beside its body, and more than they are."""

DEEPEST = canonical.MAX_DEPTH - 4
"""Levels of an entry's body that is handed on; round it are three more, and whoever reads them all takes MAX_DEPTH."""

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
        """Broadcast what is folded; without end. What could not be sent goes first when this is begun again."""
        waiting, loop = self._waiting, asyncio.get_running_loop()
        begun, sent = loop.time(), 0
        while True:
            if not waiting and sent > MANY:
                await asyncio.sleep(begun + WINDOW - loop.time())
            if not waiting:
                self._woken.clear()
                await self._woken.wait()
            if loop.time() - begun >= WINDOW:
                begun, sent = loop.time(), 0
            entries = next_together(waiting)
            await self._send(entries)
            sent += len(entries)
            self._broadcast_seq = entries[-1].seq
            for entry in entries:
                if waiting and waiting[0] is entry:  # else it was left out meanwhile: too many wait
                    waiting.popleft()

    async def _send(self, entries: Sequence[Entry]) -> None:
        client, events = self._runtime.ledger.client, [_event(entry) for entry in entries]
        if len(entries) > 1:
            await client.publish(subjects.BOARD_TOGETHER, b'{"events":[' + b",".join(events) + b"]}")
            return
        try:
            await client.publish(_subject(entries[0]), events[0])
        except (nats.errors.MaxPayloadError, nats.errors.BadSubjectError) as error:
            # It never goes out: whoever watches misses it, and asks for it.
            self._runtime.log.error("an entry cannot be broadcast", seq=entries[0].seq, error=str(error))

    async def beat(self) -> None:
        """Broadcast once a second how far the broadcast is; without end."""
        self._broadcast_seq = self._broadcast_seq or self._runtime.fold.seq
        while True:
            now, control = self._runtime.clock.now(), self._runtime.control
            beat = BoardBeat(at=now, seq=self._broadcast_seq, control_seq=control.seq)
            await self._runtime.bus.publish(subjects.BOARD_BEAT, beat)
            await asyncio.sleep(BEAT_SECONDS)

    async def since(
        self, seq: int, most: int = PAGE, *, of_messages: bool = False
    ) -> tuple[tuple[BoardEvent, ...], str | None]:
        """Return the next entries above a sequence, ``most`` at most, and where to go on if it looked at fewer.

        It names no place to go on only where it looked at so many, or at all that is folded. Of the entries it returns
        only what a list of messages needs, if wished.

        Raises:
            Unreachable: the broker does not answer.
        """
        size, folded = min(most, PAGE), self._runtime.fold.seq
        async for batch in self._runtime.source.entries(seq, size=size):
            events, following = page_of(batch, of_message if of_messages else as_event)
            at = batch[-1].seq
            # A batch may break off, and a replica may be behind.
            return events, str(at) if following is None and len(batch) < most and at < folded else following
        return (), str(seq) if seq < folded else None

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        # What counts was read strictly, and has its kind's shape; of anything else nobody has looked at the bytes.
        counts = bool(applied.keys) and not applied.void
        self._waiting.append(entry if counts else entry._replace(data=canonical.dumps(as_event(entry).body)))
        self._woken.set()


def next_together(waiting: deque[Entry]) -> list[Entry]:
    """Return the entries that are broadcast next, in order: one alone while few wait, or while it is a large one."""
    found = [waiting[0]]
    if len(waiting) < FEWEST:
        return found
    size = len(found[0].data)
    for entry in islice(waiting, 1, MOST):
        size += len(entry.data)
        if size > TOGETHER_BYTES:
            break
        found.append(entry)
    return found


def _subject(entry: Entry) -> str:
    kind, request_id, profile = subjects.place_of(entry.subject)
    name = request_id or profile or kind or "other"
    return subjects.board(kind or "other", name if subjects.is_token(name) else "other")  # junk may be named anyhow


def _event(entry: Entry) -> bytes:
    """Return the bytes of a BoardEvent. The body goes in unparsed: it was read when it was folded."""
    at = entry.at.isoformat().replace("+00:00", "Z")
    head = canonical.dumps({"seq": entry.seq, "subject": entry.subject})
    if not entry.data.startswith(b"{") or len(entry.data) > MOST_BYTES:
        return as_event(entry).to_bytes()
    return b'{"at":"' + at.encode() + b'","body":' + entry.data + b"," + head[1:]


def page_of(
    entries: Sequence[Entry], shown: Callable[[Entry], BoardEvent | None]
) -> tuple[tuple[BoardEvent, ...], str | None]:
    """Return as many entries as one answer takes, and where to go on if there are more: the last one's sequence."""
    page = first_within(entries, lambda entry: len(entry.data) + BESIDE_BODY)
    events = tuple(event for event in map(shown, page) if event is not None)
    return events, str(page[-1].seq) if len(page) < len(entries) else None


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
    """Return an entry for people who watch.

    Its body says so when it cannot be read, is longer than any of ours, or is nested too deep for any answer.
    """
    try:
        body = canonical.loads(entry.data, DEEPEST) if len(entry.data) <= MOST_BYTES else None
    except canonical.StrictJsonError:
        body = None
    return BoardEvent(
        seq=entry.seq, subject=entry.subject, at=entry.at, body=body if isinstance(body, dict) else {"unreadable": True}
    )
