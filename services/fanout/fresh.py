"""One read for all who ask at about the same time, and none of them gets an answer older than the question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")
KEPT = 512


class Fresh(Generic[Value]):
    """Joins reads of one thing.

    Who asks while a read is under way waits for the next one, which begins afterwards and answers all who wait. So
    a thousand deliveries of one request cost a few reads of its verdict, and each judges on fresh facts.
    """

    def __init__(self, read: Callable[[], Awaitable[Value]]) -> None:
        self._read = read
        self._running: asyncio.Task[Value] | None = None
        self._waiting: asyncio.Task[Value] | None = None

    async def get(self) -> Value:
        """Return what a read that begins after this call finds; raises what it raises."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._after(self._running))
        return await asyncio.shield(self._waiting)

    @property
    def idle(self) -> bool:
        """True when nobody waits and nothing is under way."""
        return self._waiting is None and (self._running is None or self._running.done())

    async def _after(self, before: asyncio.Task[Value] | None) -> Value:
        if before is not None:
            await asyncio.wait({before})
        self._running, self._waiting = self._waiting, None
        return await self._read()


class FreshByKey(Generic[Value]):
    """``Fresh`` for many things of a kind, each by its key."""

    def __init__(self, read: Callable[[str], Awaitable[Value]]) -> None:
        self._read = read
        self._by_key: dict[str, Fresh[Value]] = {}

    async def get(self, key: str) -> Value:
        """Return what a read of this thing that begins after this call finds."""
        found = self._by_key.get(key)
        if found is None:
            if len(self._by_key) >= KEPT:
                self._by_key = {name: fresh for name, fresh in self._by_key.items() if not fresh.idle}
            found = self._by_key[key] = Fresh(lambda: self._read(key))
        return await found.get()
