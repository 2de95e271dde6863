"""How many posts are between their attempt and their call at a time: no more than can be called in time.

An attempt is dropped unsent when its call would start late. Were all of a large city's attempts appended at once, the
last of them would be late, and be tried again behind the next ones: overload would feed itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

AT_ONCE = 128
"""Posts that are about to be called. Each takes a few milliseconds, a third of a lease is five seconds."""


class Start:
    """One post on its way to its call: ``over`` lets the next one begin."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._held = True

    def over(self) -> None:
        """Say that the call has begun, or will not be made; harmless when it was said before."""
        if self._held:
            self._held = False
            self._places.release()


class Starts:
    """The posts of one instance that are about to be called."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._places = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Start]:
        """Wait for a place, and hold it until the call begins or the block ends."""
        await self._places.acquire()
        start = Start(self._places)
        try:
            yield start
        finally:
            start.over()
