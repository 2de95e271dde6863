"""How long a server asks to be left alone: cases that real servers, gateways and wrong clocks brought."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from services.fanout.connectors.calls.waits import server_time, wait_of
from services.fanout.domain.retry import LONGEST_WAIT_SECONDS

NOW = datetime(2026, 1, 31, 14, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
CAP = LONGEST_WAIT_SECONDS

Headers = list[tuple[str, str]]


def http_date(hours: float = 0.0, seconds: float = 0.0) -> str:
    return (NOW + timedelta(hours=hours, seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")


def iso(hours: float = 0.0, seconds: float = 0.0) -> str:
    return (NOW + timedelta(hours=hours, seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


AFTER, RESET, DATE = "Retry-After", "X-RateLimit-Reset", "Date"

CASES: dict[str, tuple[Headers, float | None]] = {
    "nothing is said": ([], None),
    # Seconds.
    "seconds": ([(AFTER, "17")], 17.0),
    "seconds, lower-case name": ([("retry-after", "17")], 17.0),
    "seconds with a fraction": ([(AFTER, "2.5")], 2.5),
    "seconds with blanks": ([(AFTER, " 17 ")], 17.0),
    "none": ([(AFTER, "0")], 0.0),
    "minutes": ([(AFTER, "2m")], 120.0),
    "minutes and seconds": ([(RESET, "1m30s")], 90.0),
    "units in words": ([(AFTER, "1 minute 5 seconds")], 65.0),
    "thousandths with their unit": ([(RESET, "2m0.5s, 250ms")], 120.5),
    "an hour is capped": ([(AFTER, "1h")], CAP),
    "a day in words is capped": ([(AFTER, "1 day")], CAP),
    "a period with a day": ([(AFTER, "P1D")], CAP),
    "a period with no day": ([(AFTER, "P0DT0H1M30S")], 90.0),
    "a period of nothing": ([(AFTER, "P")], None),
    "a period without its time": ([(AFTER, "P1DT")], None),
    "in quotes": ([(AFTER, '"17"')], 17.0),
    "another name": ([("X-Retry-After", "17")], 17.0),
    "thousandths by the name": ([("Retry-After-Ms", "1500")], 1.5),
    "an epoch in millionths": ([(AFTER, str((EPOCH + 20) * 1_000_000))], 20.0),
    "a period of ISO 8601": ([(AFTER, "PT1M30S")], 90.0),
    "hours, minutes and seconds": ([(AFTER, "00:01:30")], 90.0),
    "minutes and seconds with a colon": ([(AFTER, "1:30.5")], 90.5),
    "with a remark behind it": ([(AFTER, "120;comment")], 120.0),
    "a number of 40 digits": ([(AFTER, "9" * 40)], LONGEST_WAIT_SECONDS),
    "a date in UTC": ([(AFTER, "Sat, 31 Jan 2026 14:00:30 UTC")], 30.0),
    "seconds until a reset": ([(RESET, "42")], 42.0),
    "seconds until a reset, as AT Protocol names it": ([("RateLimit-Reset", "42")], 42.0),
    "an epoch, as X names it": ([("x-rate-limit-reset", str(EPOCH + 7)), (DATE, http_date())], 7.0),
    "an epoch of AT Protocol": ([("RateLimit-Reset", str(EPOCH + 7)), (DATE, http_date())], 7.0),
    "a day": ([(AFTER, "86400")], CAP),
    "five minutes and a bit": ([(AFTER, "300.01")], CAP),
    "a number without end": ([(AFTER, "9" * 30)], CAP),
    "with a unit": ([(AFTER, "5s")], 5.0),
    "with a unit in words": ([(AFTER, "5 seconds")], 5.0),
    "milliseconds": ([(AFTER, "1500 ms")], 1.5),
    "two in one header: the longest": ([(AFTER, "5, 30")], 30.0),
    "two in one header, one cannot be read": ([(AFTER, "soon, 30")], 30.0),
    "after, as some name it": ([("X-RateLimit-Reset-After", "4.5")], 4.5),
    "the newer field": ([("RateLimit", "limit=10, remaining=0, reset=12")], 12.0),
    "the newest field": ([("RateLimit", '"default";r=0;t=12')], 12.0),
    "the newest field, nothing said": ([("RateLimit", '"default";r=0')], None),
    # Epochs: numbers above 10^9.
    "an epoch by the server's clock": ([(AFTER, str(EPOCH + 5)), (DATE, http_date())], 5.0),
    "an epoch by our clock": ([(AFTER, str(EPOCH + 5))], 5.0),
    "an epoch with a fraction": ([(RESET, f"{EPOCH + 5}.5"), (DATE, http_date())], 5.5),
    "an epoch in milliseconds": ([(RESET, f"{EPOCH + 5}250"), (DATE, http_date())], 5.25),
    "an epoch of years ago": ([(AFTER, "1692259524"), (DATE, http_date())], 0.0),
    "an epoch of 2023, at a server of 2023": (
        [(AFTER, "1692259524"), (DATE, "Thu, 17 Aug 2023 08:05:14 GMT")],
        10.0,
    ),
    "an epoch in years": ([(RESET, str(EPOCH + 400_000_000)), (DATE, http_date())], CAP),
    # A clock that is wrong, and by which both times are told.
    "6 h ahead, ISO": ([(DATE, http_date(6)), (RESET, iso(6, 5))], 5.0),
    "6 h behind, ISO": ([(DATE, http_date(-6)), (RESET, iso(-6, 5))], 5.0),
    "6 h ahead, an epoch": ([(DATE, http_date(6)), (RESET, str(EPOCH + 6 * 3_600 + 5))], 5.0),
    "6 h behind, an epoch": ([(DATE, http_date(-6)), (RESET, str(EPOCH - 6 * 3_600 + 5))], 5.0),
    "6 h ahead, an HTTP date": ([(DATE, http_date(6)), (AFTER, http_date(6, 5))], 5.0),
    "6 h behind, an HTTP date": ([(DATE, http_date(-6)), (AFTER, http_date(-6, 5))], 5.0),
    "years off": ([(DATE, "Thu, 01 Jan 1970 00:00:10 GMT"), (RESET, "1970-01-01T00:00:15Z")], 5.0),
    "6 h ahead, seconds": ([(DATE, http_date(6)), (AFTER, "7")], 7.0),
    "6 h ahead and no Date": ([(RESET, iso(6, 5))], CAP),
    "6 h ahead and a Date that cannot be read": ([(DATE, "yesterday"), (RESET, iso(6, 5))], CAP),
    "6 h behind and no Date": ([(RESET, iso(-6, 5))], 0.0),
    "the gateway's Date is right, the server's reset 6 h ahead": ([(DATE, http_date()), (RESET, iso(6))], CAP),
    # Forms of dates.
    "an HTTP date by our clock": ([(AFTER, http_date(seconds=60))], 60.0),
    "a lower-case HTTP date": ([(AFTER, http_date(seconds=60).lower()), ("date", http_date().lower())], 60.0),
    "RFC 850": ([(AFTER, "Saturday, 31-Jan-26 14:01:00 GMT")], 60.0),
    "asctime": ([(AFTER, "Sat Jan 31 14:01:00 2026")], 60.0),
    "a zone of no name": ([(AFTER, "Sat, 31 Jan 2026 14:01:00 -0000")], 60.0),
    "a zone by its offset": ([(AFTER, "Sat, 31 Jan 2026 06:01:00 -0800")], 60.0),
    "ISO without fractions": ([(RESET, "2026-01-31T14:01:00Z")], 60.0),
    "ISO with an offset": ([(RESET, "2026-01-31T06:01:00-08:00")], 60.0),
    "ISO without a zone": ([(RESET, "2026-01-31T14:01:00")], 60.0),
    "a time as Ruby writes it": ([(RESET, "2026-01-31 14:01:00 UTC")], 60.0),
    "a time with a blank and an offset": ([(RESET, "2026-01-31 06:01:00 -0800")], 60.0),
    "ISO to the nanosecond": ([(RESET, "2026-01-31T14:01:00.000000001Z")], 60.0),
    "ISO in lower case": ([(RESET, "2026-01-31t14:01:00z")], 60.0),
    "ISO in Retry-After": ([(AFTER, iso(seconds=60))], 60.0),
    "an HTTP date as reset": ([(RESET, http_date(seconds=60))], 60.0),
    "a reset that is over": ([(RESET, iso(seconds=-60))], 0.0),
    "an HTTP date that is over": ([(AFTER, http_date(seconds=-60))], 0.0),
    "the end of time": ([(RESET, "9999-12-31T23:59:59Z")], CAP),
    # Several headers.
    "Retry-After before the reset": ([(RESET, iso(seconds=200)), (AFTER, "3")], 3.0),
    "a Retry-After that cannot be read, and a reset": ([(AFTER, "soon"), (RESET, iso(seconds=20))], 20.0),
    "a negative Retry-After, and a reset": ([(AFTER, "-5"), (RESET, iso(seconds=20))], 20.0),
    "two of one name: the longest": ([(AFTER, "5"), (AFTER, "30")], 30.0),
    "two of one name, one cannot be read": ([(AFTER, "soon"), (AFTER, "30")], 30.0),
    "two Dates, one cannot be read": ([(DATE, "?"), (DATE, http_date(6)), (RESET, iso(6, 5))], 5.0),
    # What cannot be read says nothing: the usual backoff.
    "words": ([(AFTER, "soon")], None),
    "empty": ([(AFTER, ""), (RESET, "")], None),
    "negative": ([(AFTER, "-5")], None),
    "signed": ([(AFTER, "+5")], 5.0),
    "not a number": ([(AFTER, "NaN")], None),
    "infinite": ([(AFTER, "Infinity")], None),
    "an exponent": ([(AFTER, "1e9")], None),
    "hexadecimal": ([(AFTER, "0x10")], None),
    "another unit": ([(AFTER, "5 fortnights")], None),
    "a duration without a number": ([(AFTER, "PTS")], None),
    "other digits": ([(AFTER, "٣٠")], None),
    "no such day": ([(AFTER, "Sat, 31 Feb 2026 14:01:00 GMT")], None),
    "no such hour": ([(RESET, "2026-01-31T25:00:00Z")], None),
    "no such year": ([(AFTER, "Sat, 31 Jan 99999 14:00:00 GMT")], None),
}


@pytest.mark.parametrize(("headers", "seconds"), CASES.values(), ids=CASES.keys())
def test_the_wait_is_what_the_server_names_by_its_own_clock(headers: Headers, seconds: float | None) -> None:
    assert wait_of(CIMultiDict(headers), NOW) == seconds


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_reset_asks_for_nothing_but_with_a_429(status: int) -> None:
    """Mastodon sends X-RateLimit-Reset with each answer, hours before the quota is used up."""
    headers = {RESET: iso(seconds=250), DATE: http_date()}
    assert wait_of(headers, NOW, status) is None
    assert wait_of({**headers, AFTER: "9"}, NOW, status) == 9.0
    assert wait_of(headers, NOW, 429) == 250.0


@given(
    st.lists(
        st.tuples(st.sampled_from([AFTER, RESET, DATE]), st.text() | st.datetimes().map(str) | st.floats().map(str)),
        max_size=4,
    )
)
def test_no_header_raises_and_no_wait_is_negative_or_beyond_the_cap(headers: Headers) -> None:
    wait = wait_of(CIMultiDict(headers), NOW)
    assert wait is None or 0.0 <= wait <= CAP


def test_the_servers_time_has_a_zone() -> None:
    assert server_time({"date": "Sat, 31 Jan 2026 14:00:00 GMT"}) == NOW
    assert server_time({"Date": "Sat, 31 Jan 2026 14:00:00 -0000"}) == NOW
    assert server_time({"Date": "now"}) is None


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00Z", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_date_at_the_ends_of_the_calendar_is_none(date: str) -> None:
    """Nothing could be added to it: a look at what was posted since would end in an error."""
    assert server_time({"Date": date}) is None
