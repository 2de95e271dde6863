"""Whose query is answered when: many may wait for what they were told of, few are answered at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from schemas import flow
from services.kernel.base.errors import Refused, Unreachable
from services.kernel.projection.projection import Projection
from services.kernel.projection.read_barrier import BARRIER_SECONDS

WORKERS = 64
"""Queries that are in hand at a time, those that wait among them."""

AT_ONCE = 8
"""Queries that are answered at a time."""

MOST_WAITING = 12
"""Queries of one sender that wait at a time for what the board has not read yet; each takes a moment."""

MOST_OF_WEB = 36
"""As many of the web service, which asks for all officers at their browsers."""


class Turns:
    """Lets nobody's waiting queries keep the others from their answers."""

    def __init__(self, projection: Projection) -> None:
        self.answering = asyncio.Semaphore(AT_ONCE)
        self._projection = projection
        self._waiting: Counter[str] = Counter()

    async def reach(self, seq: int, sender: str) -> None:
        """Wait until a sequence is folded that a sender was told.

        Raises:
            Refused: ``board.waiting``, too many of this sender's queries wait already.
            Unreachable: ``ledger.behind``, it was not folded in time.
        """
        if self._projection.seq < seq:
            with self._waits(sender):
                await self._projection.at_least(seq)

    async def until(self, is_read: asyncio.Event, what: str, sender: str) -> None:
        """Wait until something is read that stood before the board's start.

        Raises:
            Refused: ``board.waiting``, as of ``reach``.
            Unreachable: ``ledger.behind``, it was not read in time.
        """
        if is_read.is_set():
            return
        with self._waits(sender):
            try:
                async with asyncio.timeout(BARRIER_SECONDS):
                    await is_read.wait()
            except TimeoutError:
                said = f"the board could not read the {what} in time"
                raise Unreachable("ledger.behind", said, "onevoice doctor") from None

    @contextmanager
    def _waits(self, sender: str) -> Iterator[None]:
        if self._waiting[sender] >= (MOST_OF_WEB if sender == flow.WEB else MOST_WAITING):
            raise Refused(
                "board.waiting",
                f"{self._waiting[sender]} queries of {sender} wait already for what the board has not read",
                "ask again in a second; ask fewer at a time",
            )
        self._waiting[sender] += 1
        try:
            yield
        finally:
            self._waiting[sender] -= 1
            self._waiting += Counter()  # forgets whose count is 0
