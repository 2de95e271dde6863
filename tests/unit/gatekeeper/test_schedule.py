"""When the gate looks at a request again: each time once, the newest one given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.gatekeeper.domain.schedule import Schedule

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_request_is_due_at_its_time_and_once() -> None:
    schedule = Schedule()
    schedule.add("r1", NOON)
    assert schedule.take_due(NOON - MINUTE, 0.0) == []
    assert schedule.take_due(NOON, 0.0) == ["r1"]
    assert schedule.take_due(NOON + MINUTE, 0.0) == []


def test_of_two_times_the_newer_one_counts() -> None:
    schedule = Schedule()
    schedule.add("r1", NOON)
    schedule.add("r1", NOON + MINUTE)
    assert schedule.take_due(NOON, 0.0) == []
    assert schedule.take_due(NOON + MINUTE, 0.0) == ["r1"]


def test_what_is_due_soon_comes_at_the_next_look_and_keeps_its_time() -> None:
    schedule = Schedule()
    schedule.add("r2", NOON)
    schedule.soon |= {"r3", "r1", "r2"}
    assert schedule.take_due(NOON - MINUTE, 0.0) == ["r1", "r2", "r3"]
    assert schedule.take_due(NOON, 0.0) == ["r2"]


def test_what_has_a_moment_by_boot_time_comes_then_whatever_the_clock_says() -> None:
    """A clock that is put back by hours keeps nothing that failed once from being tried again."""
    schedule = Schedule()
    schedule.add("r1", NOON)
    schedule.add_after("r1", 5.0)
    assert schedule.take_due(NOON - MINUTE, 4.9) == []
    assert schedule.take_due(NOON - MINUTE, 5.0) == ["r1"]
    assert schedule.take_due(NOON - MINUTE, 9.0) == []
    assert schedule.take_due(NOON, 9.0) == ["r1"], "its time counts all the same"
