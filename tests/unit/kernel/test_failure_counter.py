"""What counts as a death of the process: neither what was handled well, nor what comes again while it is in hand."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from schemas.events.base import Contract
from schemas.events.working import Tries
from services.kernel.base.clock import SystemClock
from services.kernel.runtime.messages.failure_counter import ALONE_SECONDS, FailureCounter
from services.kernel.runtime.messages.retry_budget import RetryBudget
from tests.support.virtual_time import in_virtual_time

ROUTINE, EVACUATION = 10, 11


class KeptTries:
    """A ledger that holds marks only, and outlives processes."""

    def __init__(self) -> None:
        self.marks: dict[str, bytes] = {}

    async def last(self, subject: str) -> Any:
        found = self.marks.get(subject)
        return SimpleNamespace(data=found) if found is not None else None

    async def keep(self, subject: str, event: Contract) -> None:
        self.marks[subject] = event.to_bytes()

    def deaths(self) -> list[int]:
        return [Tries.from_bytes(one).deaths for one in self.marks.values()]


class CountedDelivery:
    """A message that was handed out so often; two of the same message are two deliveries."""

    durable = "fanout-verdicts"

    def __init__(self, seq: int, count: int) -> None:
        self.entry, self.count = SimpleNamespace(seq=seq, subject=f"ledger.verdict.{seq}"), count


def process(tries: KeptTries) -> FailureCounter:
    quiet = SimpleNamespace(warning=lambda *_, **__: None)
    return FailureCounter(tries, SystemClock(), quiet, RetryBudget(seconds=0.0))  # type: ignore[arg-type]


async def handled(counter: FailureCounter, delivery: Any, begun: list[int] | None = None, wait: float = 0.0) -> None:
    """Handle a message to its end, as Consuming does."""
    async with counter.in_hand(delivery):
        if begun is not None:
            begun.append(delivery.entry.seq)
        await asyncio.sleep(wait)
    await counter.done(delivery)


async def killed(*tasks: asyncio.Task[None]) -> None:
    """End them as a dead process does: nothing is said of them any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@in_virtual_time
async def test_what_waits_for_long_keeps_nothing_else_from_beginning() -> None:
    """A routine message whose host is away, and an evacuation: both were in hand as the process was killed thrice."""
    tries, began = KeptTries(), 0.0
    for life in range(1, 5):
        counter, began = process(tries), asyncio.get_running_loop().time()
        begun: list[int] = []
        both = [
            asyncio.create_task(handled(counter, CountedDelivery(seq, life), begun, wait=3_600.0))
            for seq in (ROUTINE, EVACUATION)
        ]
        await asyncio.sleep(ALONE_SECONDS + 0.1)
        assert begun == [ROUTINE, EVACUATION], f"in life {life}"
        await killed(*both)
    assert asyncio.get_running_loop().time() - began < 2 * ALONE_SECONDS


@in_virtual_time
async def test_what_died_more_than_once_begins_alone() -> None:
    """So that the next death, which mostly comes at once, has one culprit."""
    tries = KeptTries()
    begun: list[int] = []
    for life in range(1, 4):
        counter = process(tries)
        both = [
            asyncio.create_task(handled(counter, CountedDelivery(seq, life), wait=3_600.0))
            for seq in (ROUTINE, EVACUATION)
        ]
        await asyncio.sleep(1.0)
        await killed(*both)
    counter = process(tries)
    first = asyncio.create_task(handled(counter, CountedDelivery(ROUTINE, 4), begun, wait=1.0))
    second = asyncio.create_task(handled(counter, CountedDelivery(EVACUATION, 4), begun, wait=1.0))
    await asyncio.sleep(0.5)
    assert begun == [ROUTINE]
    await asyncio.sleep(1.0)
    assert begun == [ROUTINE, EVACUATION], "the first ended: nobody waits any longer"
    await asyncio.gather(first, second)


@in_virtual_time
async def test_what_comes_again_while_it_is_in_hand_is_no_death() -> None:
    """The broker was away for longer than its ack wait: the message comes again to the process that works on it."""
    tries = KeptTries()
    counter = process(tries)
    begun: list[int] = []
    both = [
        asyncio.create_task(handled(counter, CountedDelivery(ROUTINE, count), begun, wait=60.0))
        for count in range(1, 12)
    ]
    await asyncio.gather(*both)
    assert (begun, tries.marks) == ([ROUTINE] * 11, {})
    await handled(counter, CountedDelivery(ROUTINE, 12))
    assert tries.deaths() == [0], "none is in hand any more: it is marked while it is, and no longer"


@in_virtual_time
async def test_what_is_taken_up_again_and_again_and_handled_well_is_no_death() -> None:
    """An overlooked verdict that is still unfinished: it was a dead letter after eight minutes."""
    tries = KeptTries()
    counter = process(tries)
    for _ in range(12):
        await handled(counter, CountedDelivery(ROUTINE, 2))
        assert tries.deaths() == [0]


@in_virtual_time
async def test_a_death_is_counted_still() -> None:
    tries = KeptTries()
    for life in range(2, 5):
        doomed = asyncio.create_task(handled(process(tries), CountedDelivery(ROUTINE, life), wait=60.0))
        await asyncio.sleep(1.0)
        await killed(doomed)
    assert tries.deaths() == [3]
    await handled(process(tries), CountedDelivery(ROUTINE, 5))
    assert tries.deaths() == [3], "what was before it is left as it was"
