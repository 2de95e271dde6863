"""The line at one host: who goes first, how many at a time, and one at a time on each profile.

Who is more urgent goes first, at the host and on the profile. A call that takes long moves aside and gives its slot
back, so that sick profiles keep no healthy one waiting: as many as there is room for (a bulkhead).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field

from services.fanout.domain.limits import HostLimit

SLOW_AFTER = 0.5
"""Seconds after which a platform call counts as slow."""

Priority = tuple[int, ...]
"""Lower goes first."""


@dataclass(order=True)
class InLine:
    """Whoever waits for ``admitted``: the more urgent goes first, of equals who came first (``number``)."""

    priority: Priority
    number: int
    admitted: asyncio.Future[None] = field(compare=False)
    profile: str = field(compare=False, default="")


class HostSlot:
    """A place at the host, held while its block runs; ``calling``: the platform is called from now on."""

    def __init__(self, line: HostLine, profile: str, priority: Priority) -> None:
        self._line, self._profile, self._priority = line, profile, priority
        self._calls = self._aside = False

    async def __aenter__(self) -> HostSlot:
        """Wait for one's turn."""
        await self._line.enter(self._profile, self._priority)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let the next one in."""
        self._calls = False
        self._line.leave(self._profile, aside=self._aside)

    def calling(self) -> None:
        """Keep the slot while the call is quick."""
        if not self._calls:
            self._calls = True
            self._line.watch(self)

    def step_aside(self) -> bool:
        """Make room, as the call is slow; False where there is none to move to. Harmless when the call has ended."""
        if self._calls and not self._aside:
            self._aside = self._line.make_room()
        return self._aside or not self._calls


class HostLine:
    """Admits at most ``limit.at_once`` quick and ``limit.slow`` slow calls."""

    def __init__(self, limit: HostLimit) -> None:
        self._free, self._aside_left = limit.at_once, limit.slow
        self._active: set[str] = set()
        self._waiting: dict[str, list[InLine]] = {}
        self._ready: list[InLine] = []
        self._numbers = itertools.count()
        self._admitting = False
        self._quick: deque[tuple[float, HostSlot]] = deque()

    def slot(self, profile: str, priority: Priority) -> HostSlot:
        """Return what waits for one's turn at the host and on the profile, and holds it while its block runs."""
        return HostSlot(self, profile, priority)

    def leave(self, profile: str, *, aside: bool) -> None:
        """Give a turn back; ``aside``: it had made room before."""
        if aside:
            self._aside_left += 1
        else:
            self._free += 1
        self._active.discard(profile)
        self._offer(profile)
        self._admit_soon()

    def watch(self, slot: HostSlot) -> None:
        """Have a call step aside when it turns out to be slow; one timer serves all of the line's."""
        loop = asyncio.get_running_loop()
        due = loop.time() + SLOW_AFTER
        self._quick.append((due, slot))
        if len(self._quick) == 1:
            loop.call_at(due, self._look_for_slow)

    def _look_for_slow(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for _ in range(len(self._quick)):
            if self._quick[0][0] > now:
                break
            _, slot = self._quick.popleft()
            if not slot.step_aside():
                self._quick.append((now + SLOW_AFTER, slot))
        if self._quick:
            loop.call_at(self._quick[0][0], self._look_for_slow)

    def make_room(self) -> bool:
        """Let a slow call move aside; False when there is no room there."""
        if self._aside_left <= 0:
            return False
        self._aside_left -= 1
        self._free += 1
        self._admit()
        return True

    async def enter(self, profile: str, priority: Priority) -> None:
        """Wait for one's turn at the host and on the profile; ``leave`` gives it back."""
        waiting = InLine(priority, next(self._numbers), asyncio.get_running_loop().create_future(), profile)
        heapq.heappush(self._waiting.setdefault(profile, []), waiting)
        self._offer(profile)
        self._admit_soon()
        try:
            await waiting.admitted
        except BaseException:
            if waiting.admitted.done() and not waiting.admitted.cancelled():
                # Admitted and cancelled in the same moment: the turn goes to the next one.
                self._free += 1
                self._active.discard(profile)
            # Whoever gives up may stand before others on its profile: they are put forward in its place.
            self._offer(profile)
            self._admit()
            raise

    def _admit_soon(self) -> None:
        """Let the most urgent in when all who stand in line by then have come.

        Who was woken by the same event comes in the same turn of the loop, as does who leaves and comes again.
        """
        if not self._admitting:
            self._admitting = True
            asyncio.get_running_loop().call_soon(self._admit)

    def _offer(self, profile: str) -> None:
        """Put the first of a profile's line forward, if nobody of it is in."""
        line = self._waiting.get(profile)
        while line and line[0].admitted.cancelled():
            heapq.heappop(line)
        if not line:
            self._waiting.pop(profile, None)
        elif profile not in self._active:
            heapq.heappush(self._ready, line[0])

    def _admit(self) -> None:
        self._admitting = False
        while self._free > 0 and self._ready:
            first = heapq.heappop(self._ready)
            line = self._waiting.get(first.profile)
            if first.profile in self._active or not line or line[0] is not first or first.admitted.done():
                continue  # put forward twice, or overtaken on its profile
            heapq.heappop(line)
            self._active.add(first.profile)
            self._free -= 1
            first.admitted.set_result(None)
