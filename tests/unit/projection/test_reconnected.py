"""A connection that is lost while the ledger is read: what comes after it may be of another ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import structlog

from schemas import subjects
from services.kernel.base.clock import SystemClock
from services.kernel.fold.ledger_fold import EVERYTHING, LedgerFold
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.entry import Entry
from services.kernel.ledger.integrity.checks import IntegrityFault, Shape
from services.kernel.projection.projection import Projection
from services.kernel.projection.source import BATCH, OnEntry
from tests.unit.fanout.world import NOW
from tests.unit.projection.story import AUTHORITY


def ledger_of(word: str, count: int) -> list[Entry]:
    return [Entry(seq, subjects.SEAL, NOW, f'"{word}"'.encode(), {}) for seq in range(1, count + 1)]


class Restarted:
    """A broker that goes away between two batches of one read, and comes back with a ledger of its own."""

    def __init__(self, before: list[Entry], after: list[Entry], cut: int) -> None:
        self.projection: Projection
        self._now, self._after, self._cut = before, after, cut

    async def subscribe(self, on_entry: OnEntry) -> None:
        """Nothing new comes."""

    async def shape(self) -> Shape:
        return Shape(1, len(self._now), len(self._now))

    async def entries(
        self, after: int, pattern: str = subjects.LEDGER_ALL, size: int = BATCH
    ) -> AsyncIterator[list[Entry]]:
        if self._now is not self._after:
            yield self._now[after : self._cut]
            self._now, after = self._after, self._cut
            self.projection.disconnected()
            self.projection.reconnected()
        yield self._now[after:]

    async def get(self, seq: int) -> Entry | None:
        return next((one for one in self._now if one.seq == seq), None)

    async def last(self, pattern: str) -> Entry | None:
        return self._now[-1]

    async def counts(self, pattern: str) -> dict[str, int]:
        return {}

    async def newest(self, names: Sequence[str], up_to: int) -> list[Entry]:
        return []


def following(source: Restarted) -> Projection:
    log: Any = structlog.get_logger()
    fold = LedgerFold(AUTHORITY, EVERYTHING)
    source.projection = Projection(source, fold, Ledger(), SystemClock(), log)
    return source.projection


async def test_nothing_of_another_ledger_is_folded_behind_what_was_folded_before() -> None:
    old = ledger_of("old", 12)
    projection = following(Restarted(old, old[:2] + ledger_of("new", 12)[2:], cut=4))
    with pytest.raises(IntegrityFault) as caught:
        await projection.start()
    assert (caught.value.code, projection.fold.seq) == ("ledger.rewound", 4)


async def test_the_same_ledger_is_read_on() -> None:
    old = ledger_of("old", 12)
    projection = following(Restarted(old, list(old), cut=4))
    await projection.start()
    assert projection.fold.seq == 12
