"""A task that was told to end has ended, also one that lost the word."""

from __future__ import annotations

import asyncio

from services.kernel.base.tasks import cancel_all
from tests.support.mission import PATIENCE


async def test_a_task_that_loses_a_cancellation_is_told_again() -> None:
    """As ``asyncio.wait_for`` of Python 3.11 does when its result comes at the same moment."""
    lost: list[str] = []

    async def loses_one() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append("once")

    task = asyncio.create_task(loses_one())
    await asyncio.sleep(0)
    await asyncio.wait_for(cancel_all(task, again=0.01), PATIENCE)
    assert task.cancelled()
    assert lost == ["once"]


async def test_what_has_ended_and_what_fails_in_its_end_are_no_trouble() -> None:
    async def fails() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise RuntimeError("at the end")

    over = asyncio.create_task(asyncio.sleep(0))
    failing = asyncio.create_task(fails())
    await asyncio.sleep(0.01)
    await asyncio.wait_for(cancel_all(over, failing), PATIENCE)
    assert over.done()
    assert isinstance(failing.exception(), RuntimeError)
