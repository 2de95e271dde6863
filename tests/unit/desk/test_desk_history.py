"""A list of messages is whole, or says that it is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.events.desk import BoardQuery, BoardReply
from services.desk.commands.message.history import _entries
from services.kernel.base.errors import Unreachable
from tests.unit.web.test_web_hub import AT, event

LAST = 700


class Answering:
    """A board whose server is behind: it has nothing above ``has``."""

    def __init__(self, has: int) -> None:
        self._has = has

    async def eoc(self) -> Any:
        return SimpleNamespace(last_seq=LAST)

    async def board(self, query: BoardQuery) -> BoardReply:
        since = query.since or 0
        top = min(self._has, since + 500)
        following = str(max(since, top)) if top < LAST and top - since < 500 else None
        return BoardReply(changes=tuple(event(seq) for seq in range(since + 1, top + 1)), next=following)


async def test_all_that_is_there_is_listed() -> None:
    assert [one.seq for one in await _entries(cast(Any, Answering(LAST)), AT)] == list(range(1, LAST + 1))


@pytest.mark.parametrize("has", [0, 500, 600])
async def test_a_list_that_lacks_what_is_there_is_none(has: int) -> None:
    """Before, it ended where the server that answered did, without a word."""
    with pytest.raises(Unreachable, match=f"after entry {has} could not be read"):
        await _entries(cast(Any, Answering(has)), AT)
