"""When the gate looks at a request again: each time once, the newest one given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.gatekeeper.domain.schedule import Schedule

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_request_is_due_at_its_time_and_once() -> None:
    schedule = Schedule()
    schedule.add("r1", NOON)
    assert schedule.take_due(NOON - MINUTE) == []
    assert schedule.take_due(NOON) == ["r1"]
    assert schedule.take_due(NOON + MINUTE) == []


def test_of_two_times_the_newer_one_counts() -> None:
    schedule = Schedule()
    schedule.add("r1", NOON)
    schedule.add("r1", NOON + MINUTE)
    assert schedule.take_due(NOON) == []
    assert schedule.take_due(NOON + MINUTE) == ["r1"]


def test_what_is_due_soon_comes_at_the_next_look_and_keeps_its_time() -> None:
    schedule = Schedule()
    schedule.add("r2", NOON)
    schedule.soon |= {"r3", "r1", "r2"}
    assert schedule.take_due(NOON - MINUTE) == ["r1", "r2", "r3"]
    assert schedule.take_due(NOON) == ["r2"]
