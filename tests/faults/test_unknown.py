"""After ACTIVE is told nothing lands but for what was named."""

from __future__ import annotations

from pathlib import Path

from tests.faults.rows import Scale
from tests.faults.unknown import unknown


async def test_a_post_of_a_fan_out_that_stood_still_is_named_and_does_not_land(tmp_path: Path) -> None:
    (row,) = await unknown(tmp_path, Scale.SHORT)
    assert row.problems == ()
