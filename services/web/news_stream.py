"""The news as browsers get it: written once for all that are at the same place, and gathered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from services.desk.views.timetext import in_city_time, local
from services.kernel.base.clock import Clock
from services.web.domain.news import News, concerned
from services.web.hub import KEPT, Hub

FIRST_SECONDS, NEXT_SECONDS = 0.1, 0.25
"""What comes within the first goes out as one; while more comes, browsers hear it no more often than the second."""

LOOK_SECONDS = 2.0


class NewsStream:
    """Where all browsers that are up to date stand, and what the others get to come there.

    A page that lists the record gets each entry as a line (``news``). Every page gets, once for all that came,
    which messages it is about (``changed``): its ``id`` is the ledger's sequence from which the browser goes on.
    """

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub, self._clock = hub, clock
        self.seq = 0
        self._moved = asyncio.Event()
        self._pieces: dict[tuple[int, bool], tuple[int, bytes]] = {}
        self._lines: dict[int, str] = {}

    async def run(self) -> None:
        """Let browsers hear what came, a moment later; without end."""
        moved_at = float("-inf")
        while True:
            await self._hub.wait(LOOK_SECONDS)
            if self._hub.seq == self.seq and not self._hub.closed:
                continue
            await asyncio.sleep(max(FIRST_SECONDS, moved_at + NEXT_SECONDS - self._clock.monotonic()))
            moved_at = self._clock.monotonic()
            self.move()

    def move(self) -> None:
        """Let browsers hear all that has come by now."""
        self.seq = self._hub.seq
        self._pieces.clear()
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Wait until browsers may hear more, or the time is over."""
        moved = self._moved
        try:
            async with asyncio.timeout(seconds):
                await moved.wait()
        except TimeoutError:
            return

    def piece(self, after: int, lines: bool) -> tuple[int, bytes]:
        """Return what a browser at ``after`` hears next, and where it is then; the hub holds what came since."""
        name = (after, lines)
        known = self._pieces.get(name)
        if known is None:
            found = [one for one in self._hub.after(after) if one.seq <= self.seq]
            known = self._pieces[name] = self.written(found, lines) if found else (after, b"")
        return known

    def written(self, found: list[News], lines: bool) -> tuple[int, bytes]:
        """Return entries as one piece of the stream, and the last one's sequence."""
        last = found[-1].seq
        about, everything, control = concerned(found, self._follows)
        said = {"about": about, "all": everything, "control": control}
        place = "".join(map(self._line, found)) if lines else f"id: {last}\n"  # an id stays until the next one
        return last, (place + event("changed", said)).encode()

    def _follows(self, request_id: str) -> str | None:
        line = self._hub.messages.line(request_id)
        return line.about if line else None

    def _line(self, one: News) -> str:
        """Return an entry as a line; one that says nothing to people leaves its place alone."""
        if not one.what:
            return f"id: {one.seq}\n\n"
        known = self._lines.get(one.seq)
        if known is None:
            if len(self._lines) >= KEPT:
                self._lines.clear()
            at = local(one.at, self._clock.now())
            said = {"at": at, "id": one.request_id, "who": one.who, "what": in_city_time(one.what)}
            known = self._lines[one.seq] = f"id: {one.seq}\n" + event("news", said)
        return known


def event(name: str, said: Mapping[str, object]) -> str:
    """Return an event of the stream."""
    return f"event: {name}\ndata: {json.dumps(said)}\n\n"
