"""A ledger that lost its end and grew again between two looks, on a connection that was never lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import structlog

from schemas import subjects
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import OneVoiceError
from services.kernel.fold.ledger_fold import EVERYTHING, LedgerFold
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.entry import Entry
from services.kernel.ledger.integrity.checks import Shape
from services.kernel.projection.projection import Projection
from services.kernel.projection.recent import KEPT, RecentEntries
from services.kernel.projection.source import BATCH, OnEntry
from tests.unit.fanout.world import NOW
from tests.unit.projection.story import AUTHORITY


def entry(seq: int, seconds: int = 0) -> Entry:
    """An entry; each story has seconds of its own."""
    return Entry(seq, subjects.SEAL, NOW.replace(second=seconds), b"{}", {})


class Feed:
    """A broker with a feed."""

    def __init__(self, count: int) -> None:
        self.held = [entry(seq) for seq in range(1, count + 1)]
        self.compared = 0

    async def subscribe(self, on_entry: OnEntry) -> None:
        """Remember who hears."""
        self.bring = on_entry

    async def shape(self) -> Shape:
        return Shape(1, len(self.held), len(self.held))

    async def entries(
        self, after: int, pattern: str = subjects.LEDGER_ALL, size: int = BATCH
    ) -> AsyncIterator[list[Entry]]:
        yield self.held[after:]

    async def get(self, seq: int) -> Entry | None:
        self.compared += 1
        return self.held[seq - 1] if seq <= len(self.held) else None

    async def last(self, pattern: str) -> Entry | None:
        return self.held[-1]

    async def counts(self, pattern: str) -> dict[str, int]:
        return {}

    async def newest(self, names: Sequence[str], up_to: int) -> list[Entry]:
        return []


async def following(feed: Feed) -> tuple[Projection, Ledger]:
    log: Any = structlog.get_logger()
    ledger = Ledger()
    projection = Projection(feed, LedgerFold(AUTHORITY, EVERYTHING), ledger, SystemClock(), log)
    await projection.start()
    return projection, ledger


async def test_nothing_is_folded_behind_an_entry_that_contradicts_one_that_was_folded() -> None:
    """The leader's newest sequence is higher again by the next look: nothing else would show it."""
    feed = Feed(12)
    projection, ledger = await following(feed)
    feed.held = feed.held[:9] + [entry(seq, seconds=5) for seq in range(10, 15)]
    for one in feed.held[9:]:
        feed.bring(one)
    assert projection.seq == 12
    with pytest.raises(OneVoiceError) as caught:
        await projection.catch_up()
    assert (caught.value.code, projection.seq) == ("ledger.rewound", 12)
    assert ledger.fault is not None


async def test_what_the_feed_brings_late_is_no_other_story() -> None:
    """It was read before: nothing is compared for it, and what comes next is folded at once."""
    feed = Feed(12)
    projection, _ = await following(feed)
    before = feed.compared
    for one in feed.held[5:]:
        feed.bring(one)
    feed.bring(entry(13))
    assert (projection.seq, feed.compared) == (13, before)


def test_the_last_entries_alone_are_remembered() -> None:
    """Of older ones nothing is known, and nothing is said."""
    recent = RecentEntries()
    assert not recent.contradicts(entry(7, seconds=5))
    recent.note(entry(7))
    assert recent.contradicts(entry(7, seconds=5))
    assert not recent.contradicts(entry(7))
    recent.note(entry(7 + KEPT))
    assert not recent.contradicts(entry(7, seconds=5))
