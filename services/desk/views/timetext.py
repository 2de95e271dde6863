"""Durations and times as people type and read them.

The present is an argument; the zone that times are shown in is that of the command's city.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import MAXYEAR, UTC, date, datetime, timedelta, tzinfo

from services.desk.views.hints import typed
from services.kernel.base.errors import BadInput
from services.kernel.base.zones import in_zone

_zone: ContextVar[tzinfo] = ContextVar("zone", default=UTC)

_PART = re.compile(r"([0-9]{1,9})(d|h|min|m|s)")
_SECONDS = {"d": 86_400, "h": 3_600, "min": 60, "m": 60, "s": 1}
_CLOCK = re.compile(r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]")
_HALF_DAY = re.compile(r"(0?[1-9]|1[0-2])(?::([0-5][0-9]))? ?([ap])\.?m\.?", re.IGNORECASE)
_IN = re.compile(r"in (?=[0-9])", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|[0-2][0-9][0-5][0-9] ?h(?:(?:ou)?rs?)?", re.IGNORECASE)
"""A time of day as some write it, or a length without its unit: nobody can tell which."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FORMS = "write it as 4h, 90m, 2d, 1h30m or 45s"


def duration(text: str, code: str = "duration.malformed") -> timedelta:
    """Return how long ``4h``, ``90m``, ``2d``, ``1h30m`` or ``45s`` is; a bare number counts seconds.

    Raises:
        BadInput: not of that form, or longer than 10 years.
    """
    word = text.strip().lower()
    if word.isascii() and word.isdigit() and len(word) < 10:
        word += "s"
    parts = _PART.findall(word)
    if not parts or "".join(number + unit for number, unit in parts) != word:
        raise BadInput(code, f"{_short(text)} is not a duration", _FORMS)
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in parts)
    if seconds > 3_650 * 86_400:
        raise BadInput(code, f"{_short(text)} is longer than ten years", _FORMS)
    return timedelta(seconds=seconds)


def moment(text: str, now: datetime, zone: tzinfo | None, what: str = "expires") -> datetime:
    """Return the time that a duration from now, or an ISO 8601 time, means, in UTC.

    A time without an offset is in ``zone``, the city's; None: it has none, and the time is refused. ``18:00``, or
    ``6pm``, is the next time that the clocks there show it. A day is its end, and its beginning where something begins
    (``what`` is ``at``). ``what`` names the option and the error's code.

    Raises:
        BadInput: ``<what>.malformed``, ``<what>.zone`` when it is not clear which moment is meant, ``<what>.past`` when
            it is not after now.
    """
    word = _clock_of(_IN.sub("", text.strip(), count=1))
    if _CLOCK.fullmatch(word):
        at = next(_on_days(word, (0, 1), now, zone, what, lambda at: at > now), now)
    elif _is_length(word):
        at = now + _length(word, what)
    elif _DAY.fullmatch(word) and what != "at":
        at = _end_of(word, zone, what)
    else:
        at = _iso(word, zone, what)
    if at <= now:
        raise BadInput(f"{what}.past", f"{_short(text)} is not in the future", "check the date, time and zone")
    return at.astimezone(UTC)


def looked_back(text: str, now: datetime, zone: tzinfo | None, what: str, *, end: bool = False) -> datetime:
    """Return the time up to now that an ISO 8601 time, a day or a duration ago means, in UTC.

    A day (``2026-01-31``) is its first moment in ``zone``, the city's, and with ``end`` the first one after it;
    ``18:00``, or ``6pm``, is the last time that the clocks there showed it.

    Raises:
        BadInput: ``<what>.malformed``, ``<what>.zone``.
    """
    word = _clock_of(text.strip())
    if _CLOCK.fullmatch(word):
        return next(_on_days(word, (0, -1), now, zone or UTC, what, lambda at: at <= now), now)
    if _DAY.fullmatch(word):
        return _end_of(word, zone or UTC, what) if end else _iso(f"{word}T00:00", zone or UTC, what)
    if _is_length(word):
        return now - _length(word, what)
    return _iso(word, zone, what)


def _clock_of(word: str) -> str:
    """Return a time of day as ``18:30``, also where it was typed as ``6:30 p.m.``; any other word as it is."""
    if _CLOCK.fullmatch(word):
        return word.zfill(5)
    if half := _HALF_DAY.fullmatch(word):
        hour = int(half[1]) % 12 + (12 if half[3].lower() == "p" else 0)
        return f"{hour:02}:{half[2] or '00'}"
    return word


def _on_days(
    clock: str, days: tuple[int, ...], now: datetime, zone: tzinfo | None, what: str, fits: Callable[[datetime], bool]
) -> Iterator[datetime]:
    """Yield a time of day on days counted from today, in UTC, where it fits.

    A day on which the clocks show it twice, or never, is passed over where it fits in neither reading.
    """
    today = now.astimezone(zone or UTC).date()
    for ahead in days:
        word = f"{today + timedelta(days=ahead)}T{clock}"
        if zone is not None and not any(map(fits, _readings(word, zone))):
            continue
        if fits(at := _iso(word, zone, what)):
            yield at


def _readings(word: str, zone: tzinfo) -> Iterator[datetime]:
    at = datetime.fromisoformat(word)
    return (at.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def _is_length(word: str) -> bool:
    return word[:1].isdigit() and ":" not in word and not re.match(r"\d{4}-", word)


def _length(word: str, what: str) -> timedelta:
    if _NUMBER.fullmatch(word):
        message = f"{_short(word)} is not clear: a time of day, or a length"
        raise BadInput(f"{what}.malformed", message, "write 18:00 or 6pm for a time, 30m or 4h for a length")
    return duration(word, f"{what}.malformed")


def _end_of(day: str, zone: tzinfo | None, what: str) -> datetime:
    """Return the first moment after a day."""
    begin = _iso(f"{day}T00:00", zone, what)
    if begin.year == MAXYEAR:
        return begin
    return _iso(f"{date.fromisoformat(day) + timedelta(days=1)}T00:00", zone, what)


def _iso(word: str, zone: tzinfo | None, what: str) -> datetime:
    try:
        at = datetime.fromisoformat(word)
        return (at if at.tzinfo is not None else _placed(at, zone, word, what)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, OverflowError) and word.startswith(str(MAXYEAR)):
            said = f"{_short(word)} is later than any clock goes"
            raise BadInput(f"{what}.too_far", said, "give an earlier time, such as 2026-01-31T18:00-08:00") from error
        raise BadInput(
            f"{what}.malformed",
            f"{_short(word)} is neither a duration nor a time",
            "use 4h, 90m, 2d, 18:00, 6pm, or a time such as 2026-01-31T18:00-08:00",
        ) from error


def _placed(at: datetime, zone: tzinfo | None, word: str, what: str) -> datetime:
    """Put a time without an offset into the city's zone, unless the clocks there show it twice, or never."""
    if zone is None:
        message = f"{_short(word)} does not say in which time zone it is, and city.toml has no [city] timezone"
        line = 'or once for all: timezone = "America/Vancouver", for example, under [city] in city.toml'
        raise BadInput(f"{what}.zone", message, f"add the offset, as in 2026-01-31T18:00-08:00; {line}")
    first, second = (at.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        message = f"the clocks change at {_short(word)}: they show that time twice, or not at all"
        raise BadInput(f"{what}.zone", message, "add the offset that you mean, as in 2026-01-31T18:00-08:00")
    return first


def read_in(zone: tzinfo | None) -> None:
    """Show times in the city's zone from now on; None: the city names none, and UTC is shown."""
    _zone.set(zone or UTC)


def local(at: datetime, now: datetime) -> str:
    """Return a time for people: in the zone that they read in, with its name; the date if not today."""
    here, today = at.astimezone(_zone.get()), now.astimezone(_zone.get()).date()
    clock = f"{here:%H:%M:%S} {here.tzname()}"
    return clock if here.date() == today else f"{here:%Y-%m-%d} {clock}"


def utc(at: datetime) -> str:
    """Return a time for programs: ISO 8601 in UTC with a Z, as contracts write it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def zoned(at: datetime) -> str:
    """Return a time for a page that is kept: with date and zone, to the second."""
    here = at.astimezone(_zone.get())
    return f"{here:%Y-%m-%d %H:%M:%S} {here.tzname()}"


def in_city_time(reason: str) -> str:
    """Return what a service says with its times in the zone, and its commands in the realm, that people read in.

    Never for words of a message.
    """
    return typed(in_zone(reason, _zone.get()))


def ago(seconds: float) -> str:
    """Return a length of time in one or two words, as in ``3 min``."""
    whole = round(abs(seconds))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
