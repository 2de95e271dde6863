"""What a list of messages is told of the past, and what is broadcast in one message."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.board.changes import FEWEST, MOST, MOST_BYTES, as_event, of_message, take_together
from services.kernel.ledger.client import Entry
from tests.support.ledger_builder import LedgerBuilder, demo_city, story


def test_a_list_of_messages_gets_requests_whole_and_what_became_of_them(tmp_path: Path) -> None:
    kinds = set()
    for line in story(LedgerBuilder(demo_city(tmp_path / "city"))).entries:
        entry = Entry(line.seq, line.subject, line.at, line.data, line.headers)
        kind, found, whole = line.subject.split(".")[1], of_message(entry), as_event(entry)
        kinds.add(kind)
        if kind == "request":
            assert found == whole
        elif kind in ("verdict", "receipt"):
            assert found is not None
            assert (found.seq, found.subject, found.at) == (whole.seq, whole.subject, whole.at)
            assert found.body == {"outcome": whole.body["outcome"]}
        else:
            assert found is None
    assert {"request", "verdict", "receipt", "attempt", "control"} <= kinds


def entry(seq: int, size: int = 2) -> Entry:
    return Entry(seq, "ledger.receipt.p.r", datetime(2026, 11, 26, tzinfo=UTC), b"x" * size, {})


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [
        ([2], [1]),
        ([2] * (FEWEST - 1), [1] * (FEWEST - 1)),
        ([2] * FEWEST, [FEWEST]),
        ([2] * (2 * MOST + 1), [MOST, MOST, 1]),
        ([MOST_BYTES + 1] * FEWEST, [1] * FEWEST),
        ([MOST_BYTES // 2] * FEWEST, [2, *[1] * (FEWEST - 2)]),
    ],
)
def test_what_comes_close_together_is_told_in_one_message(sizes: list[int], taken: list[int]) -> None:
    """In order and once, a few one by one, and never more than the broker takes."""
    waiting = deque(entry(seq, size) for seq, size in enumerate(sizes, 1))
    found = []
    while waiting:
        found.append([one.seq for one in take_together(waiting)])
    assert [len(one) for one in found] == taken
    assert [seq for one in found for seq in one] == list(range(1, len(sizes) + 1))
