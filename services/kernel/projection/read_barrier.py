"""Who waits until a sequence is folded: the read barrier of who was told one."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import NamedTuple

from services.kernel.base.errors import Unreachable

BARRIER_SECONDS = 5.0
"""How long somebody waits; longer means that the broker is away."""

GRACE_SECONDS = 0.9
"""A leader that is asked so long after somebody began to wait, and has less, is not waited for."""


class _AwaitedSeq(NamedTuple):
    """One who waits for ``seq``, since ``began`` (boot-time seconds); ``number`` tells two of them apart."""

    seq: int
    number: int
    began: float
    reached: asyncio.Future[None]


class ReadBarrier:
    """Those who wait, the lowest sequence first."""

    def __init__(self) -> None:
        self._waiting: list[_AwaitedSeq] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, seq: int, now: float, seconds: float) -> None:
        """Wait until ``seq`` is folded; ``now`` in boot-time seconds.

        Raises:
            Unreachable: ``ledger.behind``, it was not in time, or the leader does not have it.
        """
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, _AwaitedSeq(seq, next(self._numbers), now, reached))
        try:
            async with asyncio.timeout(seconds):
                await reached
        except TimeoutError:
            raise behind(seq) from None

    def folded(self, seq: int) -> None:
        """Let those go on who wait for this sequence, or a lower one."""
        while self._waiting and self._waiting[0].seq <= seq:
            reached = heapq.heappop(self._waiting).reached
            if not reached.done():
                reached.set_result(None)

    def leader_has(self, seq: int, asked_at: float) -> None:
        """Refuse those who wait for more than the leader had when it was asked; forget who waits no more."""
        for one in self._waiting:
            if one.seq > seq and asked_at - one.began >= GRACE_SECONDS and not one.reached.done():
                one.reached.set_exception(behind(one.seq, f": it ends at {seq}"))
        self._waiting = [one for one in self._waiting if not one.reached.done()]
        heapq.heapify(self._waiting)


def behind(seq: int, why: str = " in time") -> Unreachable:
    """Return the error of who waited for a sequence in vain."""
    return Unreachable("ledger.behind", f"the ledger could not be read up to {seq}{why}", "onevoice doctor")
