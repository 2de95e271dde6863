"""Wakes who waits for a change: each entry has keys (its request, ``@profile``, ``control``), and waiters name some."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class Signals:
    """The waiters of one projection; who waited first is woken first."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[asyncio.Future[None], None]] = {}

    def ring(self, keys: Iterable[str]) -> None:
        """Wake everybody who waits for one of these keys."""
        for key in keys:
            for future in self._waiting.pop(key, ()):
                if not future.done():
                    future.set_result(None)

    def ring_all(self) -> None:
        """Wake everybody."""
        self.ring(tuple(self._waiting))

    async def wait(self, keys: Iterable[str], seconds: float) -> bool:
        """Wait until one of these keys rings; False when the time is over first."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        names = tuple(keys)
        for key in names:
            self._waiting.setdefault(key, {})[future] = None
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                await future
        except TimeoutError:
            return False
        finally:
            for key in names:
                waiting = self._waiting.get(key)
                if waiting is not None:
                    waiting.pop(future, None)
                    if not waiting:
                        del self._waiting[key]
        return True
