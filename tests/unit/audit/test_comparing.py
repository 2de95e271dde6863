"""The second copy beside the ledger: one comparison, whoever asks for it and from whichever end it is read."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.audit.proof import compare_record
from services.audit.proof.compare import CHUNK, MOST, Comparison, compare, compare_end
from services.audit.record.format import LedgerEntry, RecordEntry, read_line, write_line
from services.kernel.base.city import City
from services.kernel.ledger.integrity.checks import Shape
from tests.support.ledger_builder import LedgerBuilder, story
from tests.unit.audit.conftest import moved

AT = datetime(2026, 1, 31, 14, 0, 0, 123456, tzinfo=UTC)


class StoredLedger:
    """A ledger of the given entries, answering as the broker does."""

    def __init__(self, entries: Sequence[RecordEntry], shape: Shape | None = None) -> None:
        self._entries = {entry.seq: entry for entry in entries}
        last = max(self._entries, default=0)
        self._shape = shape or Shape(min(self._entries, default=0), last, len(self._entries))

    async def get_many(self, seqs: Sequence[int]) -> Sequence[LedgerEntry | None]:
        return [self._entries.get(seq) for seq in seqs]

    async def shape(self) -> Shape:
        return self._shape


def line(seq: int) -> RecordEntry:
    headers = {"Nats-Expected-Last-Subject-Sequence": "0"}
    return read_line(write_line(RecordEntry(seq, "ledger.request.r1", AT, b"{}", headers))[0])


def test_neighbours_that_differ_in_one_way_are_one_difference() -> None:
    """A lost block is one line, from whichever end it is read; countless places are counted."""
    forward, backward, many = Comparison(), Comparison(), Comparison()
    for seq in range(5, 9):
        forward.add(line(seq), None)
    for seq in reversed(range(5, 9)):
        backward.add(line(seq), None)
    for seq in range(1, 100, 2):
        many.add(line(seq), None)
    assert [(one.seq, one.code) for one in forward.differences()] == [(5, "ledger.missing")]
    assert "no entry 5 any more. So up to 8" in forward.differences()[0].message
    assert forward.differences() == backward.differences()
    assert len(many.differences()) == MOST + 1


def test_a_ledger_that_ends_before_its_copy_lost_its_end() -> None:
    """It is said once, however often it is looked at."""
    found = Comparison()
    lost = found.add_count(Shape(1, 137, 137), 302, whole=True)
    assert lost is not None
    assert (lost.seq, lost.code) == (138, "ledger.lost")
    assert found.add_count(Shape(1, 137, 137), 302, whole=True) is None
    assert Comparison().add_count(Shape(1, 303, 303), 302, whole=True) is None


def test_gaps_count_where_the_copy_has_none_and_nothing_else_was_found() -> None:
    """A hole that both have is no difference between them."""
    gaps = Shape(1, 302, 300)
    found = Comparison().add_count(gaps, 302, whole=True)
    assert found is not None
    assert found.code == "ledger.gaps"
    assert Comparison().add_count(gaps, 302, whole=False) is None
    other = Comparison()
    other.add(line(5), None)
    assert other.add_count(gaps, 302, whole=True) is None


@pytest.mark.parametrize("harm", ["none", "missing", "rewritten", "end"])
async def test_from_both_ends_the_same_differences_are_found(city: City, tmp_path: Path, harm: str) -> None:
    """A restore reads forwards, a start backwards; both name the same entry."""
    shutil.copytree(city.folder, tmp_path / "city")
    elsewhere = moved(city, tmp_path / "city")
    builder = story(LedgerBuilder(elsewhere))
    builder.write()
    entries = list(builder.entries)
    if harm == "missing":
        del entries[4]
    elif harm == "rewritten":
        entries[4] = replace(entries[4], data=b"{}")
    elif harm == "end":
        entries = entries[:-3]
    ledger = StoredLedger(entries)
    forwards = await compare_record(elsewhere, ledger)
    backwards = await compare_end(elsewhere, ledger, lambda: False)
    assert forwards == backwards.differences
    assert (backwards.compared, backwards.entries) == (len(builder.entries), len(builder.entries))
    places = {"none": set(), "missing": {5}, "rewritten": {5}, "end": {len(entries) + 1}}[harm]
    assert {one.seq for one in forwards} == places


async def test_who_compares_may_stop_between_chunks() -> None:
    """What was compared by then counts."""
    copy = [line(seq) for seq in range(1, 3 * CHUNK + 1)]

    async def chunks() -> AsyncIterator[list[RecordEntry]]:
        for start in range(0, len(copy), CHUNK):
            yield copy[start : start + CHUNK]

    found = Comparison()
    async for _ in compare(found, chunks(), StoredLedger(copy[1:])):
        break
    assert (found.compared, [one.seq for one in found.differences()]) == (CHUNK, [1])
