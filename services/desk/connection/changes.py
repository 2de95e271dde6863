"""The board's stream of changes, in order and without gaps: what was missed is asked for."""

from __future__ import annotations

import asyncio

from schemas import canonical, subjects
from schemas.events.board_events import BoardEvents
from schemas.events.broadcasts import BoardBeat
from schemas.events.desk import BoardEvent, BoardQuery
from services.desk.connection.light_nats import Msg
from services.desk.connection.link import Link
from services.kernel.base.errors import Unreachable

SILENT_SECONDS = 5.0
"""The board says once a second how far it is; a board that is silent for so long does not run."""

MOST_AT_ONCE = 50
"""Entries that are taken in one piece, so that others have their turn."""


class Watch:
    """Follows the ledger from a sequence on, as the board passes it on. Open it before asking for the state."""

    def __init__(self, link: Link, received: asyncio.Queue[Msg], since: int) -> None:
        self._link, self._received = link, received
        self.seq = since

    async def events(self, wait: float) -> list[BoardEvent]:
        """Return what comes next, in order; an empty list when nothing came within ``wait`` seconds.

        What is there already is taken without waiting, up to MOST_AT_ONCE. A lost connection is made again, and what
        was missed is asked for; where the link is patient that takes its time.

        Raises:
            Unreachable: the broker stays away, or the board is silent.
        """
        loop = asyncio.get_running_loop()
        end, silent = loop.time() + wait, loop.time() + SILENT_SECONDS
        while True:
            left = min(end, silent) - loop.time()
            try:
                async with asyncio.timeout(max(left, 0.0)):
                    message = await self._received.get()
            except TimeoutError:
                if self._link.is_gone or loop.time() >= silent:
                    return await self._missed()  # the board itself says whether it runs
                return []
            silent = loop.time() + SILENT_SECONDS
            found = await self._take(message)
            while len(found) < MOST_AT_ONCE and not self._received.empty():
                try:
                    found += await self._take(self._received.get_nowait())
                except Unreachable:
                    if not found:
                        raise
                    break  # what came before is handed over; the gap is seen again with what comes next
            if found:
                return found

    async def _take(self, message: Msg) -> list[BoardEvent]:
        if message.subject == subjects.BOARD_BEAT:
            beat = BoardBeat.from_value(canonical.loads(message.data))
            return await self._missed() if beat.seq > self.seq else []
        if not message.subject.startswith("board."):
            return []
        found: list[BoardEvent] = []
        for event in _events_of(message):
            if event.seq > self.seq + 1:
                return found or await self._missed()  # the gap is seen again with what comes next
            if event.seq > self.seq:
                self.seq = event.seq
                found.append(event)
        return found

    async def _missed(self) -> list[BoardEvent]:
        """Ask for what was not received, and of a board that has just begun only once it knows as much."""
        reply = await self._link.board(BoardQuery(query="changes", since=self.seq, at_least=self.seq))
        found = [event for event in reply.changes or () if event.seq > self.seq]
        self.seq = max([self.seq, *(event.seq for event in found)])
        return found


def _events_of(message: Msg) -> tuple[BoardEvent, ...]:
    heard = canonical.loads(message.data)
    if message.subject == subjects.BOARD_TOGETHER:
        return BoardEvents.from_value(heard).events
    return (BoardEvent.from_value(heard),)


def about(event: BoardEvent, request_id: str) -> bool:
    """True when an entry can change the state of a request: one of its own, or a control change."""
    return subjects.place_of(event.subject).request_id == request_id or event.subject == subjects.CONTROL


GATHER_SECONDS = 0.05


async def of_request(watch: Watch, request_id: str, wait: float) -> bool:
    """Wait until something happens to a request, then a moment more for the rest; False when nothing did in time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + wait
    while (left := end - loop.time()) > 0:
        found = await watch.events(left)
        if any(about(event, request_id) for event in found):
            until = loop.time() + GATHER_SECONDS
            while (more := until - loop.time()) > 0:
                await watch.events(more)
            return True
    return False
