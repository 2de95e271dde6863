"""The line at a host: bounds, who goes first, one at a time per profile, and no slot lost however calls end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.fanout.domain.limits import HostLimit
from services.fanout.hosts.line import HostLine, HostSlot, Priority
from tests.support.mission import PATIENCE


async def settle() -> None:
    """Let every task that can go on do so: none of them waits for time."""
    for _ in range(10):
        await asyncio.sleep(0)


@dataclass
class Call:
    """One call: it waits in line, is in, and goes when it is let go or cancelled."""

    profile: str
    priority: Priority
    go: asyncio.Event = field(default_factory=asyncio.Event)
    slot: HostSlot | None = None
    task: asyncio.Task[None] | None = None
    was_in: bool = False

    @property
    def is_in(self) -> bool:
        return self.slot is not None

    @property
    def is_over(self) -> bool:
        return self.task is not None and self.task.done()


class Desk:
    """Runs calls through one line and watches what it promises at each moment."""

    def __init__(self, limit: HostLimit) -> None:
        self.line, self.limit = HostLine(limit), limit
        self.calls: list[Call] = []
        self.order: list[Call] = []
        self.aside: set[int] = set()

    def call(self, profile: str, priority: int = 0) -> Call:
        made = Call(profile, (priority,))
        made.task = asyncio.create_task(self._run(made))
        self.calls.append(made)
        return made

    async def _run(self, call: Call) -> None:
        async with self.line.slot(call.profile, call.priority) as slot:
            call.slot, call.was_in = slot, True
            self.order.append(call)
            try:
                await call.go.wait()
            finally:
                call.slot = None
                self.aside.discard(id(call))

    def step_aside(self, call: Call) -> None:
        """What the timer of a slow call does, without its half second."""
        if call.slot is not None and id(call) not in self.aside:
            call.slot.calling()
            if call.slot.step_aside():
                self.aside.add(id(call))

    def check(self) -> None:
        inside = [call for call in self.calls if call.is_in]
        assert len(inside) - len(self.aside) <= self.limit.at_once
        assert len(self.aside) <= self.limit.slow
        most = Counter(call.profile for call in inside)
        assert all(count == 1 for count in most.values()), "one at a time on each profile"
        waiting = {call.profile for call in self.calls if not call.is_in and not call.is_over}
        if len(inside) - len(self.aside) < self.limit.at_once:
            assert waiting <= set(most), "nobody waits while there is a free slot and a free profile"

    async def close(self) -> None:
        for call in self.calls:
            if call.task is not None:
                call.task.cancel()
        for call in self.calls:
            with suppress(asyncio.CancelledError):
                assert call.task is not None
                await call.task


def play(limit: HostLimit, story: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    async def told() -> None:
        desk = Desk(limit)
        try:
            await story(desk)
        finally:
            await desk.close()

    asyncio.run(told())


ONE = HostLimit(at_once=1)


def test_the_more_urgent_goes_first_and_of_equals_who_came_first() -> None:
    async def story(desk: Desk) -> None:
        first = desk.call("p0")
        await settle()
        late, urgent, second = desk.call("p1", 5), desk.call("p2", 1), desk.call("p3", 5)
        await settle()
        for call in (first, urgent, late, second):
            assert desk.order[-1] is call
            call.go.set()
            await settle()

    play(ONE, story)


def test_the_more_urgent_goes_first_on_its_own_profile_too() -> None:
    async def story(desk: Desk) -> None:
        first = desk.call("fire", 9)
        await settle()
        routine, urgent = desk.call("fire", 9), desk.call("fire", 1)
        first.go.set()
        await settle()
        assert (urgent.is_in, routine.is_in) == (True, False)
        urgent.go.set()
        await settle()
        assert routine.is_in

    play(HostLimit(at_once=8), story)


def test_a_busy_profile_keeps_no_other_one_waiting() -> None:
    async def story(desk: Desk) -> None:
        desk.call("fire", 0)
        blocked = [desk.call("fire", 0) for _ in range(5)]
        other = desk.call("parks", 9)
        await settle()
        assert other.is_in
        assert not any(call.is_in for call in blocked)

    play(HostLimit(at_once=2), story)


def test_whoever_stands_behind_one_that_gives_up_on_the_same_profile_goes_in() -> None:
    """Found by the property below: the one behind was never put forward, and waited for ever."""

    async def story(desk: Desk) -> None:
        holder = desk.call("parks")
        await settle()
        gives_up, behind = desk.call("fire", 1), desk.call("fire", 2)
        await settle()
        assert gives_up.task is not None
        gives_up.task.cancel()
        await settle()
        holder.go.set()
        await settle()
        assert behind.is_in

    play(ONE, story)


def test_slow_calls_move_aside_as_far_as_there_is_room_and_come_back() -> None:
    async def story(desk: Desk) -> None:
        sick = [desk.call(f"p{number}") for number in range(2)]
        healthy = [desk.call(f"q{number}") for number in range(2)]
        await settle()
        for call in sick:
            desk.step_aside(call)
        await settle()
        assert [call.is_in for call in healthy] == [True, False], "one place aside, so one slot came free"
        sick[0].go.set()
        await settle()
        desk.step_aside(sick[1])
        await settle()
        assert [call.is_in for call in healthy] == [True, True]

    play(HostLimit(at_once=2, slow=1), story)


def test_one_that_is_let_in_and_cancelled_in_the_same_moment_gives_its_slot_back() -> None:
    async def told() -> None:
        line = HostLine(ONE)

        async def stand(profile: str) -> None:
            async with line.slot(profile, (0,)):
                pass

        async with line.slot("fire", (0,)):
            unlucky, next_one = asyncio.create_task(stand("fire")), asyncio.create_task(stand("fire"))
            await settle()
        unlucky.cancel()  # its turn came with the line above, and it does not know yet
        async with asyncio.timeout(PATIENCE):
            await next_one
        assert unlucky.cancelled()

    asyncio.run(told())


def test_a_call_that_raises_gives_its_slot_back() -> None:
    async def told() -> None:
        line = HostLine(ONE)
        for _ in range(3):
            with suppress(OSError):
                async with line.slot("fire", (0,)):
                    raise OSError("the platform is away")
        async with asyncio.timeout(PATIENCE), line.slot("fire", (0,)):
            pass

    asyncio.run(told())


call = st.tuples(st.just("call"), st.integers(0, 2), st.integers(0, 2))
change = st.tuples(st.sampled_from(["go", "cancel", "aside"]), st.integers(0, 7), st.integers(0, 2))
moves = st.tuples(st.lists(call, min_size=3, max_size=6), st.lists(st.one_of(call, change), max_size=20)).map(
    lambda parts: [*parts[0], *parts[1]]
)
limits = st.builds(HostLimit, at_once=st.integers(1, 2), slow=st.integers(0, 2))


@settings(max_examples=300)
@given(limits, moves)
def test_whatever_happens_the_bounds_hold_and_no_slot_is_lost(
    limit: HostLimit, told: list[tuple[str, int, int]]
) -> None:
    """Each move is followed by the next at once or after the loop has run: cancellations hit every moment."""

    async def story(desk: Desk) -> None:
        for what, which, other in told:
            if what == "call":
                desk.call(f"p{which}", other)
            elif desk.calls:
                call = desk.calls[which % len(desk.calls)]
                if what == "go":
                    call.go.set()
                elif what == "aside":
                    desk.step_aside(call)
                elif call.task is not None:
                    call.task.cancel()
                if other:
                    await asyncio.sleep(0) if other == 1 else None
                    continue  # the next move comes in the same turn of the loop, or in the next one
            await settle()
            desk.check()
        await settle()
        desk.check()
        for call in desk.calls:
            call.go.set()
        for _ in desk.calls:
            await settle()
        assert all(call.is_over for call in desk.calls), "somebody waits for ever"
        # All gone: the line is as new, and takes as many as it may.
        again = [desk.call(f"q{number}") for number in range(limit.at_once + 1)]
        await settle()
        assert sum(call.is_in for call in again) == limit.at_once
        for call in again[: limit.at_once][: limit.slow]:
            desk.step_aside(call)
        await settle()
        assert len(desk.aside) == min(limit.slow, limit.at_once)

    play(limit, story)
