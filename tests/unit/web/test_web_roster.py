"""Who the officers are is asked again at once where it was changed, also while it is being asked."""

from __future__ import annotations

import asyncio
from typing import cast

from schemas.events.desk import BoardQuery, BoardReply
from services.web.connection import CityConnection
from services.web.roster import Roster


class SlowCity:
    """Answers when it is let, and counts."""

    def __init__(self) -> None:
        self.asked, self.may = 0, asyncio.Event()

    async def board(self, query: BoardQuery) -> BoardReply:
        """Answer that there are no officers."""
        self.asked += 1
        await self.may.wait()
        return BoardReply(officers=(), as_of=0)


async def test_who_is_not_signed_in_has_them_asked_for_once_a_second_at_most() -> None:
    city = SlowCity()
    city.may.set()
    roster = Roster(cast(CityConnection, city))
    await roster.officers()
    for _ in range(20):
        roster.freshen()
        await roster.officers()
    assert city.asked == 2


async def test_a_change_while_it_is_asked_is_asked_again() -> None:
    city = SlowCity()
    roster = Roster(cast(CityConnection, city))
    first = asyncio.ensure_future(roster.officers())
    await asyncio.sleep(0)
    roster.forget()
    city.may.set()
    await first
    await roster.officers()
    await roster.officers()
    assert city.asked == 2
