"""Looks at a platform, each at its time: they give way to posts that are under way, for they are never urgent."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from services.fanout.hosts.starts import Starts

PAUSE = 0.5
"""Seconds between two looks at what is due; fewer where a lease is shorter than the usual one."""

USUAL_LEASE = 15.0

GIVE_WAY = timedelta(seconds=5)
"""So long at most looks wait for posts that are under way."""

LookT = TypeVar("LookT")


class DueLooks(Generic[LookT]):
    """Looks that wait, the soonest first; ``now`` returns the time that they are due by."""

    def __init__(self, starts: Starts, lease: float, now: Callable[[], datetime]) -> None:
        self._starts = starts
        self._pause = PAUSE * min(1.0, lease / USUAL_LEASE)
        self._now = now
        self._waiting: list[tuple[datetime, int, LookT]] = []
        self._numbers = itertools.count()
        self._gives_way: datetime | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def soonest(self) -> datetime:
        """When the next one is due; ``IndexError`` where none waits."""
        return self._waiting[0][0]

    def plan(self, look: LookT, when: datetime) -> None:
        """Have a look wait until a time."""
        heapq.heappush(self._waiting, (when, next(self._numbers), look))

    async def run(self, take: Callable[[LookT], Coroutine[Any, Any, None]], at_once: int) -> None:
        """Take each look when it is due, at most so many at the same time, until cancelled."""
        few = asyncio.Semaphore(at_once)
        async with asyncio.TaskGroup() as group:
            while True:
                await few.acquire()
                look = await self.next()
                group.create_task(take(look)).add_done_callback(lambda _: few.release())

    async def next(self) -> LookT:
        """Wait until a look is due, and return it."""
        while not self._is_due():  # noqa: ASYNC110 - time is a port here
            await asyncio.sleep(self._pause)
        return heapq.heappop(self._waiting)[2]

    def _is_due(self) -> bool:
        now, under_way = self._now(), self._starts.under_way
        if not under_way:
            self._gives_way = None
        if not self._waiting or self.soonest > now:
            return False
        if not under_way:
            return True
        self._gives_way = self._gives_way or now
        return now - self._gives_way >= GIVE_WAY
