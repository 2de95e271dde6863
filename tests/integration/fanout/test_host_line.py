"""The line at a host: the urgent first, one at a time on a profile, slow calls aside; no broker is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.fanout.domain.limits import HostLimit
from services.fanout.hosts.line import SLOW_AFTER, HostLine, Priority
from tests.support.mission import PATIENCE
from tests.support.virtual_time import in_virtual_time

ROUTINE: Priority = (4, 1, 7)
URGENT: Priority = (0, 0, 9)


class Queue:
    """A host's line, and the order in which posts got in."""

    def __init__(self, limit: HostLimit) -> None:
        self.line = HostLine(limit)
        self.order: list[str] = []
        self.inside: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ends: dict[str, asyncio.Event] = {}

    def come(self, name: str, profile: str = "", priority: Priority = ROUTINE, *, calls: bool = False) -> None:
        """Let a post stand in line; it stays inside until it is told to go."""
        self._ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._visit(name, profile or name, priority, calls))

    async def _visit(self, name: str, profile: str, priority: Priority, calls: bool) -> None:
        async with self.line.slot(profile, priority) as slot:
            self.order.append(name)
            self.inside.add(name)
            if calls:
                slot.calling()
            try:
                await self._ends[name].wait()
            finally:
                self.inside.discard(name)

    async def go(self, name: str) -> None:
        """Let a post leave."""
        self._ends[name].set()
        await self._tasks[name]

    async def give_up(self, name: str) -> None:
        """Cancel a post, wherever it is there."""
        self._tasks[name].cancel()
        await asyncio.wait({self._tasks[name]})

    async def until_inside(self, *names: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not set(names) <= self.inside:  # noqa: ASYNC110 - whoever comes in tells nobody
                await asyncio.sleep(0.005)

    async def settle(self) -> None:
        """Let everybody take a step who can."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def end(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@asynccontextmanager
async def a_queue(limit: HostLimit) -> AsyncIterator[Queue]:
    queue = Queue(limit)
    try:
        yield queue
    finally:
        await queue.end()


@in_virtual_time
async def test_hanging_calls_keep_nobody_waiting_and_their_number_is_bounded() -> None:
    """Two slots and room aside for three: five may hang, and only then does the next one wait."""
    async with a_queue(HostLimit(at_once=2, slow=3)) as queue:
        for number in range(5):
            queue.come(f"sick-{number}", calls=True)
            await queue.until_inside(*(f"sick-{one}" for one in range(number + 1)))
        queue.come("healthy")
        await asyncio.sleep(10 * SLOW_AFTER)
        assert "healthy" not in queue.inside, "more calls are under way than the host is to get"
        await queue.go("sick-0")
        await queue.until_inside("healthy")
        for number in range(1, 5):
            await queue.go(f"sick-{number}")
        await queue.go("healthy")
        for number in range(4):
            queue.come(f"after-{number}")
        await queue.settle()
        assert queue.inside == {"after-0", "after-1"}, "each slot came back, and none twice"


async def test_who_is_urgent_goes_first_at_the_host() -> None:
    async with a_queue(HostLimit(at_once=1)) as queue:
        queue.come("first")
        await queue.until_inside("first")
        for number in range(3):
            queue.come(f"routine-{number}", priority=(4, 1, number))
        queue.come("urgent", priority=URGENT)
        await queue.settle()
        for name in ("first", "urgent", "routine-0", "routine-1"):
            await queue.go(name)
        await queue.until_inside("routine-2")
    assert queue.order == ["first", "urgent", "routine-0", "routine-1", "routine-2"]


async def test_one_at_a_time_on_a_profile_and_the_urgent_one_first() -> None:
    """A profile that is taken keeps nobody of another profile waiting."""
    async with a_queue(HostLimit(at_once=2)) as queue:
        queue.come("first", "fire")
        await queue.until_inside("first")
        queue.come("routine", "fire")
        queue.come("urgent", "fire", URGENT)
        queue.come("other", "water")
        await queue.settle()
        assert queue.inside == {"first", "other"}
        await queue.go("first")
        await queue.until_inside("urgent")
        assert "routine" not in queue.inside
        await queue.go("urgent")
        await queue.until_inside("routine")


async def test_who_was_given_up_in_line_keeps_nobody_behind_it_waiting() -> None:
    """It stood first on its profile; whoever is behind it there gets its turn."""
    async with a_queue(HostLimit(at_once=1)) as queue:
        queue.come("first", "water")
        await queue.until_inside("first")
        queue.come("given up", "fire", URGENT)
        queue.come("behind", "fire")
        await queue.settle()
        await queue.give_up("given up")
        await queue.go("first")
        await queue.until_inside("behind")
    assert queue.order == ["first", "behind"]


async def test_who_was_given_up_as_its_turn_came_hands_it_on() -> None:
    """Admitted and cancelled in the same moment."""
    async with a_queue(HostLimit(at_once=1)) as queue:
        queue.come("first", "fire")
        await queue.until_inside("first")
        queue.come("given up", "fire", URGENT)
        queue.come("behind", "fire")
        await queue.settle()
        queue._ends["first"].set()
        await asyncio.sleep(0)  # the first one leaves, and the next one is admitted without having run
        await queue.give_up("given up")
        await queue.until_inside("behind")
    assert queue.order == ["first", "behind"]


async def test_of_those_who_come_at_once_the_urgent_one_goes_first() -> None:
    async with a_queue(HostLimit(at_once=1)) as queue:
        queue.come("routine", "fire")
        queue.come("urgent", "fire", URGENT)
        await queue.until_inside("urgent")
        assert queue.order == ["urgent"]
