"""The broker's time, by its stamps: an entry that rests on time counts by them, and not by this machine's clock.

Who wrote by a clock that is ahead would leave many void entries, each kept for ever, and an alarm. A stamp says what
the time was at least; it grows old where nothing is written. Then one entry is tried, and its own stamp tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from schemas.events.envelope import CLOCK_SKEW
from services.kernel.base.clock import Clock
from services.kernel.fold.applied import Applied
from services.kernel.ledger.entry import Entry

TRY_SECONDS = 60.0
"""Between two entries of a process whose stamps are to tell the time: a clock that was put right is noticed."""


def present(clock: Clock, newest: Entry | None) -> datetime:
    """Return the present for what has to have come by now: this machine's time, or the newest entry's stamp if later.

    Whether an entry counts is decided by its stamp. Who went by a clock that is behind would take an approval for one
    of the future, and what has ended for what may go on.
    """
    own = clock.now()
    return own if newest is None else max(own, newest.at)


class ServerTime:
    """Follows the broker's time by the entries that are folded, and by boot-time seconds between them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest: tuple[datetime, float] | None = None
        self._turn = asyncio.Lock()
        self._tried: float | None = None
        self._told = False

    def on_folded(self, entry: Entry, _applied: Applied) -> None:
        """Take an entry's stamp up, if it tells more than is known."""
        self._take_up(entry.at)

    def least(self, newest: Entry | None) -> datetime | None:
        """Return what the broker's time is at the least, by the newest entry that is folded too; None: it has none."""
        if newest is not None:
            self._take_up(newest.at)
        return None if self._newest is None else self._least(*self._newest)

    async def now(self, ask: Callable[[], Awaitable[datetime]]) -> datetime:
        """Return the broker's time: ``ask`` returns it and is asked once, stamps and boot-time seconds tell it then.

        Raises:
            Unreachable: the broker did not say.
        """
        if not self._told:
            self._take_up(await ask())
            self._told = True
        assert self._newest is not None
        return self._least(*self._newest)

    def _take_up(self, at: datetime) -> None:
        if self._newest is None or at > self._least(*self._newest):
            self._newest = (at, self._clock.monotonic())

    async def now_for(self, own: datetime, end: datetime, ask: Callable[[], Awaitable[datetime]]) -> datetime:
        """Return the present for a decision that is another one from this time on: never the end before it is there.

        It is ``own``, this machine's, unless that says that the end is there and the broker's does not: the broker's.
        ``ask`` returns the broker's time; it is asked once a minute at the most.

        Raises:
            Unreachable: the broker did not say.
        """
        if own < end or self._left(end) <= 0:
            return own
        async with self._turn:
            if self._left(end) > 0 and self._until_tried() <= 0:
                self._take_up(await ask())
                self._tried = self._clock.monotonic()
        if self._newest is None or self._left(end) <= 0:
            return own
        return min(own, self._least(*self._newest))

    @asynccontextmanager
    async def due(self, end: datetime) -> AsyncIterator[float]:
        """Yield 0.0 where an entry that rests on this time may be written now, else the seconds until it is tried.

        While it is not known that the broker's time is there, one entry of the process is written at a time; what waits
        for its turn behind it knows more by then.
        """
        if self._left(end) > 0:
            async with self._turn:
                left = self._left(end)
                if left > 0:
                    wait = max(min(left, self._until_tried()), 0.0)
                    yield wait
                    if not wait:
                        self._tried = self._clock.monotonic()
                    return
        yield 0.0

    def _left(self, end: datetime) -> float:
        """Seconds until an entry surely counts that rests on this time, as far as is known here."""
        if self._newest is None:
            return TRY_SECONDS
        return (end - CLOCK_SKEW - self._least(*self._newest)).total_seconds()

    def _least(self, at: datetime, since: float) -> datetime:
        return at + timedelta(seconds=self._clock.monotonic() - since)

    def _until_tried(self) -> float:
        return 0.0 if self._tried is None else self._tried + TRY_SECONDS - self._clock.monotonic()
