"""Counts failed deliveries of a message, also across the death of the process.

A message that comes for the first time costs nothing. One that comes again without this process having ended it before
was perhaps in hand when another died: its beginning is marked in the stream TRIES before the handler runs, and the mark
is taken back when the handler ends, however it ends. What is left of marks is a count of deaths. One that comes again
while its first handler works here was in nobody else's hand: it costs nothing either.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import nats.errors

from schemas import subjects
from schemas.events.working import Tries
from services.kernel.base.clock import Clock
from services.kernel.base.errors import Drift, OneVoiceError
from services.kernel.ledger.client import Ledger
from services.kernel.runtime.messages import retry_budget
from services.kernel.runtime.messages.bus import Delivery

KEPT = 20_000
"""Messages whose last end is remembered; one that is forgotten is marked once more than it need be."""

ALONE_SECONDS = 5.0
"""What has died more than once begins alone for so long: a handler may wait for hours, and nobody waits for that."""

Key = tuple[str, int]


@dataclass(frozen=True)
class Ended:
    """How a message stood when its handler last ended in this process."""

    count: int
    mark: Tries | None


class Exhausted(Exception):
    """The message has spent its retry budget and is not begun again; ``mark`` says how."""

    def __init__(self, mark: Tries) -> None:
        super().__init__(retry_budget.reason(mark))
        self.mark = mark


class FailureCounter:
    """Counts for one service instance."""

    def __init__(self, ledger: Ledger, clock: Clock, log: Any, budget: retry_budget.RetryBudget) -> None:
        self.budget = budget
        self._ledger, self._clock, self._log = ledger, clock, log
        self._ended: OrderedDict[Key, Ended] = OrderedDict()
        self._in_hand: dict[Delivery, tuple[Tries | None, bool]] = {}
        self._held: Counter[Key] = Counter()
        self._alone = asyncio.Lock()

    @asynccontextmanager
    async def in_hand(self, delivery: Delivery) -> AsyncIterator[None]:
        """Hold a message while its handler runs; call ``waits``, ``failed`` or ``done`` after.

        Raises:
            Exhausted: it failed too often; the block does not run.
            Unreachable: the marks cannot be read or written; the block does not run.
        """
        key = _key(delivery)
        is_held = self._held[key] > 0
        self._held[key] += 1
        try:
            async with self._begun(delivery, key, is_held):
                yield
        finally:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

    @asynccontextmanager
    async def _begun(self, delivery: Delivery, key: Key, is_held: bool) -> AsyncIterator[None]:
        """Mark the beginning of what was perhaps in hand when another process died; not of what ``is_held`` here."""
        last = self._ended.get(key)
        suspect = not is_held and delivery.count > 1 and (last is None or last.count != delivery.count - 1)
        before = await self._read(key) if suspect else (last.mark if last else None)
        if suspect and before is not None and retry_budget.exhausted(before, self.budget):
            raise Exhausted(before)
        async with self._alone_at_first(not is_held and retry_budget.needs_to_be_alone(before, self.budget)):
            if suspect:
                await self._write(key, retry_budget.begun(before, self._clock.now()))
            self._in_hand[delivery] = (before, suspect)
            yield

    @asynccontextmanager
    async def _alone_at_first(self, needs: bool) -> AsyncIterator[None]:
        """Let nothing else begin that needs it, too, for the first seconds."""
        if not needs:
            yield
            return
        await self._alone.acquire()
        others = _Once(self._alone.release)
        timer = asyncio.get_running_loop().call_later(ALONE_SECONDS, others)
        try:
            yield
        finally:
            timer.cancel()
            others()

    async def waits(self, delivery: Delivery) -> None:
        """The handler ended without an answer and without fault."""
        before, marked = self._in_hand.pop(delivery, (None, False))
        if marked:
            await self._try_to_write(delivery, before or self._nothing())
        self._remember(delivery, before)

    async def failed(self, delivery: Delivery, reason: str) -> Tries:
        """The handler raised; return the count so far."""
        before, _ = self._in_hand.pop(delivery, (None, False))
        mark = retry_budget.failed(before, self._clock.now(), reason)
        await self._try_to_write(delivery, mark)
        self._remember(delivery, mark)
        return mark

    async def done(self, delivery: Delivery) -> None:
        """The handler did its work, or the message is put aside: what it did well counts as no death later."""
        before, marked = self._in_hand.pop(delivery, (None, False))
        if marked:
            await self._try_to_write(delivery, before or self._nothing())
        self._ended.pop(_key(delivery), None)

    def _nothing(self) -> Tries:
        now = self._clock.now()
        return Tries(first_at=now, last_at=now)

    def _remember(self, delivery: Delivery, mark: Tries | None) -> None:
        self._ended[_key(delivery)] = Ended(delivery.count, mark)
        while len(self._ended) > KEPT:
            self._ended.popitem(last=False)

    async def _read(self, key: Key) -> Tries | None:
        entry = await self._ledger.last(subjects.tries(*key))
        mark = Tries.from_bytes(entry.data) if entry else None
        return mark if mark is not None and retry_budget.count(mark) else None

    async def _write(self, key: Key, mark: Tries) -> None:
        await self._ledger.keep(subjects.tries(*key), mark)

    async def _try_to_write(self, delivery: Delivery, mark: Tries) -> None:
        try:
            await self._write(_key(delivery), mark)
        except OneVoiceError as error:  # this process remembers; only its death would be counted amiss
            subject = delivery.entry.subject
            self._log.warning("a failed try is not marked", subject=subject, code=error.code, error=error.message)


class _Once:
    """Makes a call the first time it is asked for, and never again."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def __call__(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()


def is_shared(error: Exception) -> bool:
    """True for trouble that any message would meet: the disk, the broker, the record of control."""
    broken = isinstance(error, OneVoiceError) and error.code == "control.broken"
    return broken or isinstance(error, OSError | nats.errors.Error | Drift)


def _key(delivery: Delivery) -> Key:
    return delivery.durable, delivery.entry.seq
