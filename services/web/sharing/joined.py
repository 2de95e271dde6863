"""One answer for many who ask for the same at about the same time: a hundred who watch cost little more than one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from services.kernel.base.clock import Clock

Answer = TypeVar("Answer")

MOST = 1_000
"""Names that are remembered."""


SHARE = 4.0
"""The pause is at least so many times as long as the last making took: what is slow is made more seldom."""


class JoinedAnswers(Generic[Answer]):
    """Makes each answer again, but one at a time and after a pause; nobody gets one begun before they asked."""

    def __init__(self, pause: float, clock: Clock) -> None:
        self._pause, self._clock = pause, clock
        self._next: dict[Hashable, asyncio.Task[Answer]] = {}
        self._not_before: dict[Hashable, float] = {}

    async def get(self, name: Hashable, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the next answer under a name; raises what making it raises, to all who wait for it."""
        task = self._next.get(name)
        if task is None:
            task = self._next[name] = asyncio.create_task(self._made(name, make))
        return await asyncio.shield(task)

    async def _made(self, name: Hashable, make: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            await asyncio.sleep(max(0.0, self._not_before.get(name, 0.0) - self._clock.monotonic()))
        finally:
            self._next.pop(name, None)  # who asks from now on waits for the one after
        began = self._clock.monotonic()
        self._put_off(name, began, self._pause)
        try:
            return await make()
        finally:
            now = self._clock.monotonic()
            self._put_off(name, now, max(self._pause, SHARE * (now - began)))

    def _put_off(self, name: Hashable, now: float, seconds: float) -> None:
        if len(self._not_before) >= MOST:
            self._not_before = {key: at for key, at in self._not_before.items() if at > now}
        self._not_before[name] = now + seconds
