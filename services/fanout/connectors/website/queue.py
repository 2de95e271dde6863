"""Brings the calls that wait at the same time to the writer as one piece of work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from services.fanout.connectors.contract import Cause
from services.fanout.connectors.website.edit import SiteEdit
from services.fanout.connectors.website.state import Broken
from services.fanout.connectors.website.writer import Change, Unfinished, Writer
from services.kernel.base.clock import Clock

_AT_ONCE = 500
NO_TIME = "the website had no time to begin"
Result = TypeVar("Result")


class Failed:
    """A change that was not made, or (``begun``) may have been; the reason in plain words.

    ``cause``: as of a call; None where only this message's file cannot be read.
    """

    def __init__(self, reason: str, *, begun: bool, cause: Cause | None = Cause.HOST) -> None:
        self.reason = reason
        self.begun = begun
        self.cause = cause


class _Item:
    """A change that waits. Who claims it first has it: the writer, in its thread, or the caller whose time is over."""

    def __init__(self, change: Callable[[SiteEdit], Any], until: float, clock: Clock) -> None:
        self.change = change
        self.answer: Any = None
        self.done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._until, self._clock = until, clock
        self._claim = threading.Lock()

    def claim(self) -> bool:
        """Return True once."""
        return self._claim.acquire(blocking=False)

    def run(self, work: SiteEdit) -> None:
        """Make the change, unless its time is over: also for a process that was stopped while it waited."""
        if self._clock.monotonic() >= self._until or not self.claim():
            self.answer = Failed(NO_TIME, begun=False)
            return
        try:
            self.answer = self.change(work)
        except Broken as error:
            self.answer = Failed(f"the website's memory of it cannot be read: {error}", begun=False, cause=None)


class Queue:
    """The way to one writer."""

    def __init__(self, writer: Writer, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock
        self._waiting: list[_Item] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, change: Callable[[SiteEdit], Result], until: float) -> Result | Failed:
        """Have a change made before a time (boot-time seconds); return its answer once all is on the disk.

        Earlier work is finished first, that of other processes too: who looks is told nothing while a page may land.
        """
        item = _Item(change, until, self._clock)
        self._waiting.append(item)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        try:
            async with asyncio.timeout(until - self._clock.monotonic()):
                answer: Result | Failed = await asyncio.shield(item.done)
                return answer
        except TimeoutError:
            if item.claim():
                return Failed(NO_TIME, begun=False)
            return Failed("the website is still being written", begun=True)
        except asyncio.CancelledError:
            item.claim()  # nobody waits for it any more, and nobody would hear of it
            raise

    async def close(self) -> None:
        """Finish what waits."""
        if self._task is not None:
            await self._task

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            changes: list[Change] = [item.run for item in batch]
            try:
                await asyncio.to_thread(self._writer.apply, changes, self._clock.now())
            except Unfinished as error:
                _settle(batch, Failed(error.reason, begun=error.begun))
            except Exception as error:  # noqa: BLE001 - a bug: those who wait are told, each its own
                _settle(batch, error)
            else:
                _settle(batch, None)


def _settle(batch: list[_Item], failure: Failed | Exception | None) -> None:
    for item in batch:
        if item.done.done():
            continue
        if isinstance(failure, Exception):
            item.done.set_exception(failure)
        else:
            item.done.set_result(item.answer if failure is None else failure)
