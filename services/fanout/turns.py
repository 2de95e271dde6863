"""Turns: how many deliveries are busy with the ledger at a time."""

from __future__ import annotations

import asyncio

TURNS = 16
"""How many deliveries read, judge and write their attempts at a time.

More would only make each slower, and an attempt that is too old when its call would start is not sent. A turn ends
where the platform call begins: a slow platform keeps nobody waiting.
"""


class Turn:
    """One of the turns, taken on entry and given back by ``over`` or on exit."""

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns = turns
        self._held = False

    async def __aenter__(self) -> Turn:
        await self._turns.acquire()
        self._held = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.over()

    def over(self) -> None:
        """Let the next one begin; harmless when it was said already."""
        if self._held:
            self._held = False
            self._turns.release()
