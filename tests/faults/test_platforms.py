"""The short form of the platform faults: every lie once, with a short lease."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.platforms import platforms
from tests.faults.rows import Scale, table


@pytest.mark.timeout(240)
async def test_whatever_a_platform_says_each_message_stands_once_or_a_person_decides(tmp_path: Path) -> None:
    rows = await platforms(tmp_path, Scale.SHORT)
    print(table(rows))  # noqa: T201 - shown when it fails
    assert [row.fault for row in rows if row.problems] == [], table(rows)
