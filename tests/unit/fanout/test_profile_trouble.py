"""Which credentials end soon, told once for each step, and how a notice says it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from schemas.events.broadcasts import ProfileTrouble
from services.board.domain.notices import NoticeSchedule, Step, body, due, profile_waits
from services.fanout.domain.profile_trouble import end_of, ending

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "says"),
    [
        (timedelta(days=31), None),
        (timedelta(days=30), "within 30 days"),
        (timedelta(days=8), "within 30 days"),
        (timedelta(days=7), "within 7 days"),
        (timedelta(hours=25), "within 7 days"),
        (timedelta(hours=24), "within 1 days"),
        (timedelta(0), "ended on 2026-11-26"),
        (-timedelta(days=9), "ended on 2026-11-17"),
    ],
)
def test_an_end_is_told_thirty_seven_and_one_day_ahead_and_when_it_came(left: timedelta, says: str | None) -> None:
    found = ending("fire", NOW + left, NOW)
    assert (found is None) if says is None else (found is not None and says in found.reason)


def test_a_step_has_one_time_however_often_it_is_looked_at() -> None:
    end = NOW + timedelta(days=6)
    first, later = ending("fire", end, NOW), ending("fire", end, NOW + timedelta(days=3))
    assert first is not None
    assert later is not None
    assert first == later
    assert ending("fire", end, end - timedelta(hours=2)) != first
    assert ending("fire", None, NOW) is None


def test_the_sooner_of_what_is_known_counts() -> None:
    noted, told = NOW + timedelta(days=3), {"fire": date(2026, 11, 27)}
    assert end_of("fire", noted, told) == datetime(2026, 11, 28, tzinfo=UTC)
    assert end_of("fire", NOW, told) == NOW
    assert end_of("water", noted, told) == noted
    assert end_of("water", None, told) is None


def test_somebody_is_told_once_and_not_reminded() -> None:
    trouble = ProfileTrouble(profile="fire-x", reason="its credential ends on 2026-12-01", since=NOW)
    waiting = profile_waits(trouble)
    schedule = NoticeSchedule(("pio@x",), ("deputy@x",), timedelta(minutes=1), timedelta(minutes=2))
    (notice,) = due([waiting], set(), None, schedule, NOW)
    assert notice.step is Step.FIRST
    text = body(notice, [("today", "never")])
    assert "fire-x: a profile, since today" in text
    assert "onevoice profiles check" in text
    assert due([waiting], {waiting.key(Step.FIRST)}, NOW, schedule, NOW + timedelta(days=1)) == []
