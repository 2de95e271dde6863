"""Nothing lost, nothing twice, nothing without a verdict: each service killed at each of its crash points."""

from __future__ import annotations

from pathlib import Path

from services.kernel.base.crashpoints import POINTS
from tests.faults.crashes import AT_THE_BEGINNING, STRUCK, crashes, points_of
from tests.faults.rows import Scale


def test_each_point_is_struck() -> None:
    struck = {point for service in STRUCK for point in points_of(service)}
    assert struck | {AT_THE_BEGINNING} == set(POINTS)


async def test_each_service_killed_at_each_of_its_points_loses_and_doubles_nothing(tmp_path: Path) -> None:
    rows = await crashes(tmp_path, Scale.SHORT)
    assert {row.fault: row.problems for row in rows if row.problems} == {}
    assert rows[-1].times >= len(POINTS) - 1, "but for the seal, which takes a minute"
