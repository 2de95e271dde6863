"""Durations and times as people type and read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.desk.views.timetext import ago, duration, local, moment
from services.kernel.base.errors import BadInput

NOW = datetime(2026, 1, 31, 20, 0, tzinfo=UTC)
PST = timezone(timedelta(hours=-8), "PST")


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("4h", 14_400),
        ("90m", 5_400),
        ("2d", 172_800),
        ("45s", 45),
        ("1h30m", 5_400),
        ("1d12h", 129_600),
        ("60", 60),
        ("0", 0),
        ("0s", 0),
        (" 4H ", 14_400),
        ("10min", 600),
    ],
)
def test_durations(typed: str, seconds: int) -> None:
    """Each form that the help names, and a bare number of seconds."""
    assert duration(typed).total_seconds() == seconds


@pytest.mark.parametrize(
    "typed", ["", "4x", "h", "-4h", "4.5h", "4h later", "99999d", "9999999999s", "４h", "1e3s", "4 h"]
)
def test_broken_durations_are_refused_with_the_code_that_was_asked_for(typed: str) -> None:
    with pytest.raises(BadInput) as caught:
        duration(typed, "wait.malformed")
    assert caught.value.code == "wait.malformed"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("4h", NOW + timedelta(hours=4)),
        ("2026-02-01T00:00Z", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-01-31T18:00-08:00", datetime(2026, 2, 1, 2, 0, tzinfo=UTC)),
        ("2026-01-31T18:00", datetime(2026, 2, 1, 2, 0, tzinfo=UTC)),
        ("2026-02-01", datetime(2026, 2, 1, 8, 0, tzinfo=UTC)),
    ],
)
def test_moments_in_the_zone_of_the_machine_unless_an_offset_is_given(typed: str, expected: datetime) -> None:
    assert moment(typed, NOW, PST) == expected


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("tomorrow", "expires.malformed"),
        ("4x", "expires.malformed"),
        ("2026-13-01T00:00Z", "expires.malformed"),
        ("2026-01-31T19:59:59Z", "expires.past"),
        ("0s", "expires.past"),
        ("", "expires.malformed"),
        ("0001-01-01T00:00+14:00", "expires.malformed"),
    ],
)
def test_broken_and_past_moments(typed: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        moment(typed, NOW, PST)
    assert caught.value.code == code


def test_the_option_is_named_in_the_code() -> None:
    with pytest.raises(BadInput) as caught:
        moment("soon", NOW, PST, "until")
    assert caught.value.code == "until.malformed"


def test_local_times_carry_their_zone_and_the_date_when_it_is_another_day() -> None:
    assert local(NOW, NOW, PST) == "12:00:00 PST"
    assert local(NOW + timedelta(days=1), NOW, PST) == "2026-02-01 12:00:00 PST"
    assert local(datetime(2026, 2, 1, 7, 0, tzinfo=UTC), NOW, PST) == "23:00:00 PST"


@pytest.mark.parametrize(("seconds", "words"), [(3, "3 s"), (185, "3 min"), (7_300, "2 h"), (-90_000, "1 d")])
def test_lengths_of_time_in_words(seconds: float, words: str) -> None:
    assert ago(seconds) == words
