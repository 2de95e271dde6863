"""Watching until Ctrl-C: a clean end with status 0, and a clear error when the broker goes away."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from services.desk.connection.light_nats import Msg
from services.desk.connection.link import Link
from services.kernel.base.tasks import cancel_all

_LOOK_SECONDS = 1.0
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


async def messages(link: Link, received: asyncio.Queue[Msg], stop: asyncio.Event) -> AsyncIterator[Msg | None]:
    """Yield what is received until ``stop`` is set, and None each second in between.

    Raises:
        Unreachable: ``broker.lost``.
    """
    stopping = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            getting = asyncio.ensure_future(received.get())
            await asyncio.wait({getting, stopping}, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                yield getting.result()
            else:
                getting.cancel()
                link.raise_if_gone()
                if not stop.is_set():
                    yield None
    finally:
        stopping.cancel()


async def until(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
    """Do some waiting work until it ends or ``stop`` is set; None in that case."""
    task, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        await cancel_all(task, stopping)
