"""Ends tasks of the event loop, for sure."""

from __future__ import annotations

import asyncio
from typing import Any

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
