"""How long something takes, without what a busy machine adds to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType

from services.kernel.base.errors import OneVoiceError

TICK = 0.01


class Stopwatch:
    """``seconds``: from the beginning of the block to its end, without ``still``: so long the event loop stood still.

    A loop that is held up by other processes holds up all that is timed in it. So a bound on ``seconds`` tells of the
    code, and not of the machine. Work that blocks the loop itself is not seen by it. With ``ask`` it also stands still
    while another process, as the broker, takes longer than a moment to answer it.
    """

    def __init__(self, ask: Callable[[], Awaitable[object]] | None = None) -> None:
        self._ask = ask
        self.seconds = 0.0
        self.still = 0.0

    async def __aenter__(self) -> Stopwatch:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        await asyncio.sleep(TICK)  # the tick that was held up last has noted it
        self.seconds = self._loop.time() - self._began - self.still - TICK
        self._ticking.cancel()

    async def _tick(self) -> None:
        while True:
            asleep = self._loop.time()
            await asyncio.sleep(TICK)
            if self._ask is not None:
                with suppress(OneVoiceError):  # it took its time to say so
                    await self._ask()
            late = self._loop.time() - asleep - TICK
            self.still += late if late > TICK else 0.0
