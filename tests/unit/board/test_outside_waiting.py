"""Whoever asks for outside posts before the board has read them keeps nobody else from an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.events.desk import BoardQuery, BoardReply
from services.board.handlers import BoardHandlers
from services.board.outside import OutsidePosts
from services.board.turns import AT_ONCE, MOST_WAITING
from services.kernel.base.errors import Refused, Unreachable
from services.kernel.ledger.entry import Entry
from services.kernel.projection.read_barrier import BARRIER_SECONDS
from tests.support.virtual_time import LoopClock, in_virtual_time

OUTSIDE = BoardQuery(query="outside")


class StartingBoard:
    """A board on an empty ledger, which has not read it yet."""

    def __init__(self) -> None:
        self.seq = 0
        runtime: Any = SimpleNamespace(
            clock=LoopClock(), projection=self, source=self, control=None, fold=SimpleNamespace(seq=0)
        )
        self.outside = OutsidePosts(runtime)
        nothing = cast(Any, SimpleNamespace(answer=None))
        self.handlers = BoardHandlers(
            runtime, nothing, dead=nothing, changes=nothing, outside=self.outside, promises=nothing, flights=nothing
        )

    def listen(self, _listener: object, *_kinds: str) -> None:
        """Nothing is folded."""

    async def catch_up(self) -> int:
        return 0

    async def last(self, _pattern: str) -> Entry | None:
        return None

    async def entries(self, *_: object, **__: object) -> AsyncIterator[list[Entry]]:
        for batch in tuple[list[Entry], ...]():
            yield batch

    async def ask(self, query: BoardQuery, sender: str = "clerk") -> BoardReply:
        return await self.handlers.on_query(query, cast(Any, sender))


@in_virtual_time
async def test_the_others_are_answered_while_outside_posts_are_waited_for() -> None:
    """Before, eight of these questions took all the places, and for ever where the board could not read them."""
    board = StartingBoard()
    waiting = [asyncio.create_task(board.ask(OUTSIDE, f"pio-{number}")) for number in range(2 * AT_ONCE)]
    await asyncio.sleep(0.1)
    began = asyncio.get_running_loop().time()
    assert (await board.ask(BoardQuery(query="services"))).services == ()
    assert asyncio.get_running_loop().time() == began
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert {getattr(one, "code", one) for one in found} == {"ledger.behind"}
    assert asyncio.get_running_loop().time() == pytest.approx(BARRIER_SECONDS, abs=0.1)


@in_virtual_time
async def test_of_one_sender_so_many_wait() -> None:
    board = StartingBoard()
    waiting = [asyncio.create_task(board.ask(OUTSIDE)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Refused, match="queries of clerk wait already"):
        await board.ask(OUTSIDE)
    assert {type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)} == {Unreachable}


@in_virtual_time
async def test_who_waited_is_answered_once_they_are_read() -> None:
    board = StartingBoard()
    waiting = asyncio.create_task(board.ask(OUTSIDE))
    await asyncio.sleep(1)
    reading = asyncio.create_task(board.outside.take_up())
    assert (await waiting).outside == ()
    reading.cancel()
