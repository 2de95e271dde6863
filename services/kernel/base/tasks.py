"""Begins tasks of the event loop some at a time, and ends them for sure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

Result = TypeVar("Result")

CANCEL_AGAIN_SECONDS = 3.0
"""Longer than an orderly end takes: being asked again would break it off."""


async def cancel_all(*tasks: asyncio.Future[Any], again: float = CANCEL_AGAIN_SECONDS) -> None:
    """Cancel tasks and wait until each has ended; what they return or raise is dropped.

    Asked again every ``again`` seconds: ``asyncio.wait_for`` of Python 3.11 loses a cancellation that comes together
    with its result, and the task would go on for ever.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again)
    await asyncio.gather(*tasks, return_exceptions=True)


async def begin(
    work: Iterable[Coroutine[Any, Any, Result]], at_a_time: int, apart: Callable[[], bool]
) -> list[asyncio.Task[Result]]:
    """Begin pieces of work, ``at_a_time`` of them in one turn of the loop while ``apart`` says so, else all in one.

    What is begun goes on while the rest is begun. When this is cancelled, so is what was begun.
    """
    tasks: list[asyncio.Task[Result]] = []
    try:
        for piece in work:
            tasks.append(asyncio.create_task(piece))
            if len(tasks) % at_a_time == 0 and apart():
                await asyncio.sleep(0)
    except BaseException:
        for task in tasks:
            task.cancel()
        raise
    return tasks
