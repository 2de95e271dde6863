"""Places on the way to a call: no more than there are, the urgent first, and none lost to who gives up."""

from __future__ import annotations

import asyncio

from services.fanout.hosts.line import Priority
from services.fanout.hosts.starts import Starts


class Comer:
    """Somebody who wants a place, and holds it until told to go."""

    def __init__(self, starts: Starts, *priority: int) -> None:
        self.is_in, self.go = False, asyncio.Event()
        self.task = asyncio.ensure_future(self._run(starts, priority))

    async def _run(self, starts: Starts, priority: Priority) -> None:
        async with starts.one(priority):
            self.is_in = True
            await self.go.wait()


async def settle() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


async def test_no_more_are_in_than_there_are_places_and_who_came_first_is_next() -> None:
    starts = Starts(at_once=2)
    comers = [Comer(starts) for _ in range(4)]
    await settle()
    assert [one.is_in for one in comers] == [True, True, False, False]
    comers[1].go.set()
    await settle()
    assert [one.is_in for one in comers] == [True, True, True, False]
    for one in comers:
        one.go.set()
    await asyncio.gather(*(one.task for one in comers))
    assert starts.under_way == 0


async def test_the_more_urgent_is_next_and_of_equals_who_came_first() -> None:
    starts = Starts(at_once=1)
    first = Comer(starts, 5)
    await settle()
    routine, second, urgent = Comer(starts, 5), Comer(starts, 5), Comer(starts, 1)
    await settle()
    for leaves, follows in ((first, urgent), (urgent, routine), (routine, second)):
        assert not follows.is_in
        leaves.go.set()
        await settle()
        assert follows.is_in
    second.go.set()
    await second.task


async def test_an_urgent_one_that_gives_up_as_its_turn_comes_leaves_the_place_to_who_is_next() -> None:
    starts = Starts(at_once=1)
    first, routine, urgent = Comer(starts, 5), Comer(starts, 5), Comer(starts, 1)
    await settle()
    first.go.set()
    await asyncio.sleep(0)
    urgent.task.cancel()  # its turn has come, and it has not run since
    await settle()
    assert (urgent.is_in, routine.is_in) == (False, True)
    routine.go.set()
    await settle()
    again = [Comer(starts, 5), Comer(starts, 5)]
    await settle()
    assert [one.is_in for one in again] == [True, False], "one place, as before"
    for one in again:
        one.go.set()
    await asyncio.gather(*(one.task for one in again))


async def test_a_place_is_given_back_once_when_the_call_began_before_the_end() -> None:
    starts = Starts(at_once=1)
    async with starts.one(()) as start:
        start.over()
        start.over()
        async with starts.one(()):
            third = Comer(starts)
            await settle()
            assert not third.is_in
    await settle()
    assert third.is_in
    third.go.set()
    await third.task


async def test_who_gives_up_while_waiting_or_as_its_turn_comes_takes_no_place_along() -> None:
    starts = Starts(at_once=1)
    first, second, third, last = (Comer(starts) for _ in range(4))
    await settle()
    second.task.cancel()
    await settle()
    first.go.set()
    await asyncio.sleep(0)
    third.task.cancel()  # its turn has come, and it has not run since
    await settle()
    assert (second.is_in, third.is_in, last.is_in) == (False, False, True)
    last.go.set()
    await last.task
    again = Comer(starts)
    await settle()
    assert again.is_in, "the place came back"
    again.go.set()
    await again.task
