"""The simulated network on the running loop and its real time: for suites that the real parts pass too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class RealTimeLoop:
    """The running loop, with what the network asks of the virtual one."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    @property
    def now(self) -> float:
        """The running loop's time."""
        return self._loop.time()

    def outside(self, delay: float, callback: Callable[..., object], *args: Any) -> None:
        """After a while, as the virtual loop does it."""
        self._loop.call_later(delay, callback, *args)

    def outside_at(self, when: float, callback: Callable[..., object], *args: Any) -> None:
        """At a time, as the virtual loop does it."""
        self._loop.call_at(when, callback, *args)


class LivingProcess:
    """A process that nobody kills or stops."""

    name, alive, stopped = "tester", True, False

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Any]] = []

    def call(self, callback: Callable[..., object], *args: Any) -> None:
        """Run it now."""
        callback(*args)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine as part of it."""
        self.tasks.append(asyncio.create_task(work))
        return self.tasks[-1]
