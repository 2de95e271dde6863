"""What is said of outside posts while the board reads what stood before its start."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas import subjects
from services.board.outside import OutsidePosts
from services.kernel.base.tasks import cancel_all
from services.kernel.ledger.entry import Entry
from tests.support.ledger_builder import LedgerBuilder, demo_city, story
from tests.unit.kernel.test_projection_reads import Leader


class _Starting(Leader):
    """A ledger on which an officer acknowledges a post right after the acknowledgements were read."""

    def __init__(self, builder: LedgerBuilder, post: int) -> None:
        super().__init__()
        self._builder, self._post = builder, post
        self.held = [self._entry(post)]
        self.told: Any = None

    def _entry(self, seq: int) -> Entry:
        line = self._builder.entries[seq - 1]
        return Entry(seq, line.subject, line.at, line.data, dict(line.headers))

    async def last(self, pattern: str) -> Entry | None:
        """Answer; the acknowledgement comes a moment later."""
        found = await super().last(pattern)
        if pattern == subjects.ACKNOWLEDGEMENTS:
            self.told(self._entry(self._builder.acknowledge(self._post)), None)
        return found

    def listen(self, listener: Any, *_kinds: str) -> None:
        """Remember who is told."""
        self.told = listener

    async def catch_up(self) -> int:
        """All is folded."""
        return self._post


@pytest.fixture
def builder(tmp_path: Path) -> LedgerBuilder:
    made = LedgerBuilder(demo_city(tmp_path / "city"))
    story(made)
    return made


async def test_a_word_that_comes_while_the_board_starts_is_not_lost_to_it(builder: LedgerBuilder) -> None:
    """Before, its post waited for an officer until the next start, who had acknowledged it."""
    ledger = _Starting(builder, builder.outside())
    outside = OutsidePosts(cast(Any, SimpleNamespace(projection=ledger, source=ledger, control=builder.state())))
    running = asyncio.create_task(outside.take_up())
    try:
        for _ in range(20):
            await asyncio.sleep(0)
        assert outside.open() == ()
        again = builder.outside(name="0011223344556677", remote_id="another")
        ledger.told(ledger._entry(again), None)
        assert [view.seq for view in outside.open()] == [again], "from then on it goes by what is folded"
    finally:
        await cancel_all(running)
