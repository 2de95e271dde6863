"""The short form of the poison faults."""

from __future__ import annotations

from pathlib import Path

from tests.faults.poison import poison
from tests.faults.rows import Scale, table


async def test_poison_is_put_aside_shown_and_sent_again_and_nothing_is_lost(tmp_path: Path) -> None:
    rows = await poison(tmp_path, Scale.SHORT)
    assert [row.fault for row in rows if row.problems] == [], table(rows)
    assert rows[-1].times == 4, table(rows)
