"""How long a server asks to be left alone, pure: its headers against its own clock.

A server's clock may be hours off, and a gateway may ask for a day. So a time is measured against the server's own Date,
and no wait is longer than ``LONGEST_WAIT_SECONDS``: then the server is looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from services.fanout.domain.retry import LONGEST_WAIT_SECONDS

_NUMBER = re.compile(r"\+?[0-9]{1,300}(\.[0-9]{0,30})?")
_CLOCK = re.compile(r"(?:([0-9]{1,4}):)?([0-9]{1,4}):([0-9]{2}(?:\.[0-9]{1,12})?)")
"""Hours, minutes and seconds, as some frameworks write a length."""
_ISO_LENGTH = re.compile(r"P(?=[0-9T])([0-9]{1,12}D)?(?:T((?:[0-9]{1,12}(?:\.[0-9]{1,12})?[HMS])+))?", re.IGNORECASE)
_UNIT = r"([0-9]{1,12}(?:\.[0-9]{1,12})?) ?(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)"
_UNITS = re.compile(rf"(?:{_UNIT} ?)+", re.IGNORECASE)
_ONE = re.compile(_UNIT, re.IGNORECASE)
_LEFT = re.compile(r"(?:^|[,; ])(?:reset|t)=\"?([0-9]{1,12})", re.IGNORECASE)
"""Of the RateLimit field in its newer forms (draft-ietf-httpapi-ratelimit-headers): seconds."""
_EPOCH = 1e9
"""Numbers from here on are seconds since 1970, and not a wait of 31 years."""
_EPOCH_MILLISECONDS = 1e11
_EPOCH_MICROSECONDS = 1e14
_YEARS = range(1970, 9000)
"""Of a clock that is only wrong; nearer to the ends of the calendar nothing can be added to a time."""
_TOO_MANY_REQUESTS = 429
_RETRIES = ("retry-after", "x-retry-after")
_RETRIES_MILLISECONDS = "retry-after-ms"
_RESETS = ("x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset", "x-ratelimit-reset-after", "ratelimit")


def wait_of(headers: Mapping[str, str], now: datetime, status: int = _TOO_MANY_REQUESTS) -> float | None:
    """Return the seconds, 0 to ``LONGEST_WAIT_SECONDS``, that an answer asks to wait; None: it does not say.

    Retry-After (RFC 9110; also X-Retry-After, and Retry-After-Ms in thousandths) comes first; of several the longest
    counts. X-RateLimit-Reset (Mastodon; X-Rate-Limit-Reset on X) and RateLimit-Reset (AT Protocol) count for a 429:
    other answers carry them too, and ask for nothing by it. Each may hold seconds, a length (``1m30s``,
    ``00:01:30``, ``PT90S``), an epoch, an HTTP date or ISO 8601, or several of these.

    Args:
        headers: of the answer, names in any case.
        now: our own clock, for a server that sends no Date.
        status: of the answer.
    """
    clock = server_time(headers) or now
    waits = [wait for name in _RETRIES for wait in _waits(headers, name, clock)]
    waits += [wait / 1_000 for wait in _waits(headers, _RETRIES_MILLISECONDS, clock)]
    if not waits and status == _TOO_MANY_REQUESTS:
        waits = [wait for name in _RESETS for wait in _waits(headers, name, clock)]
    return min(max(waits), LONGEST_WAIT_SECONDS) if waits else None


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return the server's own time (Date, RFC 9110) with its zone; None: it does not say, or none that can be."""
    times = filter(None, map(_time, _values(headers, "date")))
    return next((time for time in times if time.year in _YEARS), None)


def _waits(headers: Mapping[str, str], name: str, clock: datetime) -> Iterator[float]:
    for value in _values(headers, name):
        whole = read_wait(value, clock)
        found = [whole] if whole is not None else [read_wait(one.strip(), clock) for one in value.split(",")]
        yield from (wait for wait in found if wait is not None)


def read_wait(value: str, clock: datetime) -> float | None:
    """Return the seconds of one value, however many they are; a time that is over asks for no wait."""
    value = value.partition(";")[0].strip(' "') if not _LEFT.search(value) else value
    if _NUMBER.fullmatch(value):
        number = float(value)
        if number < _EPOCH:
            return number
        parts = 1e6 if number >= _EPOCH_MICROSECONDS else 1e3 if number >= _EPOCH_MILLISECONDS else 1
        return max(0.0, number / parts - clock.timestamp())
    if parts_of_hour := _CLOCK.fullmatch(value):
        hours, minutes, seconds = parts_of_hour.groups("0")
        return int(hours) * 3_600 + int(minutes) * 60 + float(seconds)
    if length := _ISO_LENGTH.fullmatch(value):
        value = "".join(length.groups(""))
    if _UNITS.fullmatch(value):
        return sum(float(count) * _seconds_of(unit.lower()) for count, unit in _ONE.findall(value))
    if left := _LEFT.search(value):
        return float(left[1])
    time = _time(value)
    return max(0.0, (time - clock).total_seconds()) if time is not None else None


def _seconds_of(unit: str) -> float:
    if unit == "ms" or unit.startswith("milli"):
        return 0.001
    return {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}[unit[0]]


def _time(value: str) -> datetime | None:
    """Read ISO 8601 or an HTTP date, in any case; without a zone it is UTC."""
    upper = value.upper()
    for read, text in ((datetime.fromisoformat, upper.replace(" UTC", "Z")), (parsedate_to_datetime, upper)):
        with suppress(ValueError, TypeError, IndexError, OverflowError):
            time = read(text)
            return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return None


def _values(headers: Mapping[str, str], name: str) -> Iterator[str]:
    """Yield the values of a header, as often as it is there."""
    return (value.strip() for key, value in headers.items() if key.lower() == name)
