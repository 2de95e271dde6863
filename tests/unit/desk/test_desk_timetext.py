"""Durations and times as people type and read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from schemas.events.authority import Grant, Role
from schemas.events.control import Designate
from services.desk.views import timetext
from services.desk.views.state.authority import sentence
from services.desk.views.timetext import ago, duration, in_city_time, local, looked_back, moment, read_in
from services.kernel.base.errors import BadInput
from services.kernel.base.zones import zone_of

NOW = datetime(2026, 1, 31, 20, 0, tzinfo=UTC)
PST = timezone(timedelta(hours=-8), "PST")
TORONTO = zone_of("America/Toronto")


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
        ("2026-02-01", datetime(2026, 2, 2, 8, 0, tzinfo=UTC)),  # that day's end
        ("2026-01-31", datetime(2026, 2, 1, 8, 0, tzinfo=UTC)),  # today's
        ("18:00", datetime(2026, 2, 1, 2, 0, tzinfo=UTC)),  # still to come today
        ("9:30", datetime(2026, 2, 1, 17, 30, tzinfo=UTC)),  # tomorrow
        ("12:00", datetime(2026, 2, 1, 20, 0, tzinfo=UTC)),  # now is no time to come
        ("in 90m", NOW + timedelta(minutes=90)),
        ("6pm", datetime(2026, 2, 1, 2, 0, tzinfo=UTC)),
        ("6:15 P.M.", datetime(2026, 2, 1, 2, 15, tzinfo=UTC)),
        ("12:05 am", datetime(2026, 2, 1, 8, 5, tzinfo=UTC)),  # tonight
        ("12:05 pm", datetime(2026, 1, 31, 20, 5, tzinfo=UTC)),
    ],
)
def test_moments_in_the_zone_of_the_city_unless_an_offset_is_given(typed: str, expected: datetime) -> None:
    assert moment(typed, NOW, PST) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("11:30", datetime(2026, 1, 31, 19, 30, tzinfo=UTC)),
        ("6pm", datetime(2026, 1, 31, 2, 0, tzinfo=UTC)),  # yesterday
        ("90m", NOW - timedelta(minutes=90)),
    ],
)
def test_a_time_of_day_looked_back_at_is_the_last_one(typed: str, expected: datetime) -> None:
    assert looked_back(typed, NOW, PST, "since") == expected


def test_what_begins_on_a_day_begins_with_it() -> None:
    assert moment("2026-02-01", NOW, PST, "at") == datetime(2026, 2, 1, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("typed", ["1800", "18", "0830", "1800h", "1800 hrs", "20260201"])
def test_a_number_alone_is_no_time(typed: str) -> None:
    """1800 is six in the evening to who writes it, and was half an hour; 1800h was 75 days."""
    for read in (moment, looked_back):
        with pytest.raises(BadInput, match="is not clear") as caught:
            read(typed, NOW, PST, "expires")
        assert (caught.value.code, "18:00" in caught.value.hint) == ("expires.malformed", True)


@pytest.mark.parametrize("typed", ["25:00", "18:60", "13pm", "6xm"])
def test_a_time_that_no_clock_shows_is_said_to_be_no_time(typed: str) -> None:
    with pytest.raises(BadInput, match=r"time|duration") as caught:
        moment(typed, NOW, PST)
    assert caught.value.code == "expires.malformed"
    assert "18:00" in caught.value.hint or "90m" in caught.value.hint


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
        ("9999-12-31T23:59", "expires.too_far"),
        ("9999-12-31T23:59-08:00", "expires.too_far"),
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
    read_in(PST)
    assert local(NOW, NOW) == "12:00:00 PST"
    assert local(NOW + timedelta(days=1), NOW) == "2026-02-01 12:00:00 PST"
    assert local(datetime(2026, 2, 1, 7, 0, tzinfo=UTC), NOW) == "23:00:00 PST"
    read_in(None)
    assert local(NOW, NOW) == "20:00:00 UTC"


def test_a_time_without_an_offset_is_refused_where_the_city_names_no_zone() -> None:
    with pytest.raises(BadInput) as caught:
        moment("2026-01-31T18:00", NOW, None)
    assert caught.value.code == "expires.zone"
    assert 'timezone = "America/Vancouver"' in caught.value.hint
    assert "[city]" in caught.value.hint


@pytest.mark.parametrize("typed", ["2026-11-01T01:30", "2026-03-08T02:30"])
def test_a_time_that_the_clocks_show_twice_or_never_is_refused(typed: str) -> None:
    with pytest.raises(BadInput) as caught:
        moment(typed, NOW, TORONTO)
    assert caught.value.code == "expires.zone"


@pytest.mark.parametrize(
    ("typed", "now", "expected"),
    [
        ("1:30", datetime(2026, 11, 1, 20, 0, tzinfo=UTC), datetime(2026, 11, 2, 6, 30, tzinfo=UTC)),
        ("2:30", datetime(2026, 3, 8, 20, 0, tzinfo=UTC), datetime(2026, 3, 9, 6, 30, tzinfo=UTC)),
    ],
)
def test_a_time_of_day_after_the_clocks_changed_is_tomorrow_s(typed: str, now: datetime, expected: datetime) -> None:
    assert moment(typed, now, TORONTO) == expected


@pytest.mark.parametrize("hour", [4, 5, 6])
def test_a_time_that_is_still_shown_twice_today_is_refused(hour: int) -> None:
    """Also in the hour between the two: it is not clear whether the one that is over is meant."""
    with pytest.raises(BadInput) as caught:
        moment("1:30", datetime(2026, 11, 1, hour, 0, tzinfo=UTC), TORONTO)
    assert caught.value.code == "expires.zone"


def test_a_time_of_day_looked_back_at_before_the_clocks_change_is_yesterday_s() -> None:
    assert looked_back("1:30", datetime(2026, 11, 1, 5, 0, tzinfo=UTC), TORONTO, "since") == datetime(
        2026, 10, 31, 5, 30, tzinfo=UTC
    )


def test_what_a_service_says_is_told_in_the_zone_that_people_read() -> None:
    read_in(zone_of("America/Vancouver"))
    said = "rab12 expired at 2026-01-31 20:00:05 UTC; until 2026-07-01 12:00 UTC"
    assert in_city_time(said) == "rab12 expired at 2026-01-31 12:00:05 PST; until 2026-07-01 05:00 PDT"
    assert in_city_time("9999-99-99 20:00 UTC") == "9999-99-99 20:00 UTC"
    read_in(None)
    assert in_city_time(said) == said


def test_the_end_of_a_role_is_told_in_the_zone_that_people_read() -> None:
    """Midnight in Vancouver was shown as 07:00 UTC to who confirms it."""
    read_in(zone_of("America/Vancouver"))
    until = Grant(role=Role.PIO, valid_until=datetime(2026, 12, 1, 7, 0, tzinfo=UTC))
    assert sentence(Designate(officer="pio", grant=until)) == "Designate pio as pio until 2026-12-01 00:00:00 MST"
    read_in(None)


@pytest.mark.parametrize(("seconds", "words"), [(3, "3 s"), (185, "3 min"), (7_300, "2 h"), (-90_000, "1 d")])
def test_lengths_of_time_in_words(seconds: float, words: str) -> None:
    assert ago(seconds) == words


def test_programs_get_one_form_of_time() -> None:
    """The desk's own JSON has times as contracts have them, and nothing there writes another form."""
    assert timetext.utc(datetime(2026, 1, 31, 6, tzinfo=timezone(timedelta(hours=-8)))) == "2026-01-31T14:00:00Z"
    root = Path(timetext.__file__).parents[1]
    for folder in ("views", "commands"):
        for path in (root / folder).glob("*.py"):
            if path.name not in ("timetext.py", "failure.py"):
                assert ".isoformat(" not in path.read_text(), path
