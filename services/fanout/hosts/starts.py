"""How many posts are between their attempt and their call at a time: no more than can be called in time.

An attempt is dropped unsent when its call would start late. Were all of a large city's attempts appended at once, the
last of them would be late, and be tried again behind the next ones: overload would feed itself. Who is more urgent goes
first, as at each host: the posts of all hosts pass here, and a crisis message waits for nothing but its own platform.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools

from services.fanout.hosts.line import InLine, Priority

AT_ONCE = 128
"""Posts that are about to be called. Each takes a few milliseconds, a third of a lease is five seconds."""


class Start:
    """One post on its way to its call, from when there is a place for it: ``over`` lets the next one begin."""

    def __init__(self, starts: Starts, priority: Priority) -> None:
        self._starts, self._priority = starts, priority
        self._held = False

    async def __aenter__(self) -> Start:
        """Wait for a place."""
        await self._starts.take(self._priority)
        self._held = True
        self._starts.under_way += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give the place back, if the call did not begin."""
        self._starts.under_way -= 1
        self.over()

    def over(self) -> None:
        """Say that the call has begun, or will not be made; harmless when it was said before."""
        if self._held:
            self._held = False
            self._starts.give_back()


class Starts:
    """The posts of one instance that are about to be called; ``under_way`` counts those being called, too."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = at_once
        self._waiting: list[InLine] = []
        self._numbers = itertools.count()
        self.under_way = 0

    def one(self, priority: Priority) -> Start:
        """Return what waits for a place, and holds it until the call begins or its block ends."""
        return Start(self, priority)

    async def take(self, priority: Priority) -> None:
        """Wait for a place.

        asyncio's semaphore looks at all that it woke and that have not run yet, each time that a place comes free: with
        a hundred places that come free together, that is fifty looks for each post.
        """
        if self._free > 0:
            self._free -= 1
            return
        place = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, InLine(priority, next(self._numbers), place))
        try:
            await place
        except BaseException:
            if place.done() and not place.cancelled():  # it had come free in the same moment: it goes to the next one
                self.give_back()
            raise

    def give_back(self) -> None:
        """Let the next one have a place."""
        while self._waiting:
            place = heapq.heappop(self._waiting).admitted
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
