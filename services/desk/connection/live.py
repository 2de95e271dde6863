"""Watching until Ctrl-C: a clean end with status 0."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from services.kernel.base.tasks import cancel_all

Result = TypeVar("Result")


@asynccontextmanager
async def until_interrupted() -> AsyncIterator[asyncio.Event]:
    """Give an event that SIGINT and SIGTERM set, while the block runs."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def until(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
    """Do some waiting work until it ends or ``stop`` is set; None in that case."""
    task, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        await cancel_all(task, stopping)
