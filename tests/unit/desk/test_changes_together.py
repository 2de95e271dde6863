"""The stream of changes: what has come is taken in one piece, in order, and nothing of it is lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from schemas import subjects
from schemas.events.board_events import BoardEvents
from schemas.events.desk import BoardEvent, BoardQuery, BoardReply
from services.desk.connection.changes import MOST_AT_ONCE, Watch
from services.desk.connection.light_nats import Msg
from services.kernel.base.errors import Unreachable

AT = datetime(2026, 11, 26, 11, 0, tzinfo=UTC)


class Board:
    """A link to a board that answers what was missed, or does not answer."""

    def __init__(self, answers: bool) -> None:
        self.answers = answers

    async def board(self, query: BoardQuery) -> BoardReply:
        if not self.answers:
            raise Unreachable("service.silent", "the board does not answer", "onevoice doctor")
        after = query.since or 0
        return BoardReply(changes=tuple(event(seq) for seq in range(after + 1, after + 3)))


def event(seq: int) -> BoardEvent:
    return BoardEvent(seq=seq, subject="ledger.verdict.r", at=AT, body={"outcome": "cleared"})


def watch_of(*seqs: int, answers: bool = True) -> Watch:
    received: asyncio.Queue[Msg] = asyncio.Queue()
    for seq in seqs:
        received.put_nowait(cast(Msg, Message("board.verdict.r", event(seq).to_bytes())))
    return Watch(cast(Any, Board(answers)), received, 0)


class Message:
    def __init__(self, subject: str, data: bytes) -> None:
        self.subject, self.data = subject, data


async def seqs_of(watch: Watch) -> list[int]:
    return [one.seq for one in await watch.events(0.2)]


async def test_what_has_come_is_taken_in_one_piece() -> None:
    assert await seqs_of(watch_of(1, 2, 2, 3)) == [1, 2, 3]


async def test_others_have_their_turn_after_so_many() -> None:
    watch = watch_of(*range(1, MOST_AT_ONCE + 11))
    assert [len(await seqs_of(watch)) for _ in range(2)] == [MOST_AT_ONCE, 10]


async def test_a_gap_is_filled_in_its_place() -> None:
    assert await seqs_of(watch_of(1, 4, 5)) == [1, 2, 3, 4, 5]


async def test_what_came_before_a_gap_that_nobody_fills_is_handed_over_first() -> None:
    watch = watch_of(1, 2, 5, answers=False)
    assert await seqs_of(watch) == [1, 2]
    watch._received.put_nowait(cast(Msg, Message("board.verdict.r", event(6).to_bytes())))
    with pytest.raises(Unreachable):
        await watch.events(0.2)


def together(watch: Watch, *seqs: int) -> Watch:
    told = BoardEvents(events=tuple(event(seq) for seq in seqs))
    watch._received.put_nowait(cast(Msg, Message(subjects.BOARD_TOGETHER, told.to_bytes())))
    return watch


async def test_entries_in_one_message_are_taken_as_those_in_messages_of_their_own() -> None:
    assert await seqs_of(together(together(watch_of(1), 1, 2, 3), 4, 5)) == [1, 2, 3, 4, 5]
    assert await seqs_of(together(watch_of(), 3, 4)) == [1, 2]


async def test_a_gap_within_one_message_hands_over_what_came_before_it_and_is_seen_again() -> None:
    watch = together(watch_of(), 1, 2, 5)
    assert await seqs_of(watch) == [1, 2]
    assert await seqs_of(together(watch, 6)) == [3, 4]
