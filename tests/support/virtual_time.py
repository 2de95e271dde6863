"""Tests in virtual time, which jumps to the next timer when nothing can run. Sockets have no place in it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec

from tests.simulation.loop import VirtualLoop

Given = ParamSpec("Given")
START = datetime(2026, 1, 31, 14, tzinfo=UTC)


def in_virtual_time(test: Callable[Given, Coroutine[Any, Any, None]]) -> Callable[Given, None]:
    """Run an asynchronous test on a loop whose sleeps take no time."""

    @functools.wraps(test)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


class LoopClock:
    """The clock of the loop that runs: virtual in a test in virtual time."""

    def now(self) -> datetime:
        """Return the time on the loop, from START on."""
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the loop's seconds."""
        return asyncio.get_running_loop().time()
