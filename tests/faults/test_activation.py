"""The model's traces come true on the real services: control changes in the gaps of a message's way."""

from __future__ import annotations

from pathlib import Path

from tests.faults.activation import SHORT, activation
from tests.faults.rows import Scale


async def test_control_changes_in_the_gaps_end_as_the_model_predicts(tmp_path: Path) -> None:
    (row,) = await activation(tmp_path, Scale.SHORT)
    assert row.problems == ()
    assert row.times == len(SHORT)
