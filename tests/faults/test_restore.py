"""The store is damaged: found at the start, restored from the second copy, and the city goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.restore import restore
from tests.faults.rows import Scale, table


@pytest.mark.timeout(200)
async def test_a_damaged_store_is_found_and_restored_and_nothing_is_posted_again(tmp_path: Path) -> None:
    """A flipped bit, a truncated, a deleted block are found; from one of them the city is brought back."""
    rows = await restore(tmp_path, Scale.SHORT)
    assert [problem for row in rows for problem in row.problems] == [], table(rows)
