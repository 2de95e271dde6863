"""What the pages ask the board: one question for all who want to know the same, and never an older answer for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from schemas.events.control import Posture
from schemas.events.desk import BoardQuery, BoardReply, EocView
from services.kernel.base.city import City
from services.kernel.base.clock import ManualClock
from services.web.connection import OLDER_AT_ONCE, OLDER_PAUSES, OLDER_SECONDS, CityConnection, older_pause
from services.web.hub import Hub
from tests.unit.web.test_web_hub import AT, event


class _AskingHere(CityConnection):
    """A connection whose questions are answered by the test."""

    def __init__(self, city: City, answer: Callable[[BoardQuery], Awaitable[BoardReply]], hub: Hub) -> None:
        super().__init__(city, lambda: "nats://127.0.0.1:1", hub)
        self._answer = answer

    async def board(self, query: BoardQuery) -> BoardReply:
        """Have a question answered."""
        return await self._answer(query)


class Board:
    """Answers one question after the other, each when it is let."""

    def __init__(self, city: City, hub: Hub) -> None:
        self.connection = _AskingHere(city, self.board, hub)
        self.asked: list[tuple[BoardQuery, asyncio.Future[BoardReply]]] = []

    async def board(self, query: BoardQuery) -> BoardReply:
        """Wait for the answer."""
        answer: asyncio.Future[BoardReply] = asyncio.get_running_loop().create_future()
        self.asked.append((query, answer))
        return await answer

    def answer(self, number: int, control_seq: int, last_seq: int) -> None:
        """Say what the city is in."""
        calm: dict[str, Any] = {"realm": "live", "city": "Mission", "website": "https://mission.example"}
        calm |= {"posture": Posture.ROUTINE, "control_seq": control_seq, "hold": False, "in_flight": 0}
        self.asked[number][1].set_result(BoardReply(eoc=EocView.model_validate(calm | {"last_seq": last_seq})))


def alive(clock: ManualClock | None = None) -> Hub:
    """A hub that hears the city."""
    hub = Hub(clock or ManualClock(AT))
    hub.add(event(1))
    hub.beat()
    return hub


async def settle() -> None:
    """Let all that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_hundred_pages_ask_once_what_the_city_is_in(made_city: City) -> None:
    clock = ManualClock(AT)
    board = Board(made_city, alive(clock))
    asking = [asyncio.create_task(board.connection.eoc()) for _ in range(100)]
    await settle()
    board.answer(0, 1, 7)
    assert {one.last_seq for one in await asyncio.gather(*asking)} == {7}
    assert len(board.asked) == 1
    clock.time += timedelta(seconds=0.6)
    assert (await board.connection.eoc()).last_seq == 7, "nobody waits for the next answer"
    await settle()
    assert len(board.asked) == 2, "which is asked for already"
    board.answer(1, 1, 9)
    await settle()
    assert (await board.connection.eoc()).last_seq == 9


async def test_an_answer_from_before_a_change_of_control_is_given_to_nobody_who_asks_after(
    made_city: City,
) -> None:
    clock = ManualClock(AT)
    hub = alive(clock)
    board = Board(made_city, hub)
    early = asyncio.create_task(board.connection.eoc())
    await settle()
    hub.add(event(2))
    late = asyncio.create_task(board.connection.eoc())
    await settle()
    assert [query.at_least for query, _ in board.asked] == [1, 2]
    clock.time += timedelta(seconds=0.1)
    board.answer(1, 2, 2)
    assert (await late).control_seq == 2
    board.answer(0, 1, 1)
    assert (await early).control_seq == 1
    assert (await board.connection.eoc()).control_seq == 2


async def test_who_has_just_done_something_gets_an_answer_that_knows_of_it(
    made_city: City,
) -> None:
    board = Board(made_city, alive())
    first = asyncio.create_task(board.connection.eoc())
    await settle()
    board.answer(0, 1, 1)
    await first
    own = asyncio.create_task(board.connection.eoc(5))
    await settle()
    assert board.asked[1][0].at_least == 5
    board.answer(1, 5, 5)
    assert (await own).control_seq == 5


async def test_what_waits_says_up_to_where_it_was_known(made_city: City) -> None:
    """Of several pages the first one's place counts: what came while the others were asked for is heard again."""
    board = Board(made_city, Hub(ManualClock(AT)))
    asking = asyncio.create_task(board.connection.waiting())
    await settle()
    board.asked[0][1].set_result(BoardReply(requests=(), as_of=7, next="2.0.1"))
    await settle()
    board.asked[1][1].set_result(BoardReply(requests=(), as_of=9))
    assert (await asking).as_of == 7
    assert [query.after for query, _ in board.asked] == [None, "2.0.1"]


@pytest.mark.parametrize(("left", "minutes"), [(100_000, 4), (300_000, 10), (1_000_000, 10), (2_000_000, 10)])
def test_the_past_is_read_evenly_and_within_ten_minutes_however_long_it_is(left: int, minutes: int) -> None:
    assert older_pause(left) * left / OLDER_AT_ONCE <= minutes * 60.0 + 1e-6


def test_the_past_is_never_read_in_one_rush_nor_slower_than_it_has_to() -> None:
    shortest, longest = OLDER_PAUSES
    assert (older_pause(0), older_pause(1_000), older_pause(10**9)) == (longest, longest, shortest)
    assert older_pause(1_000_000) == pytest.approx(OLDER_SECONDS * OLDER_AT_ONCE / 1_000_000)
