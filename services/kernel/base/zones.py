"""Time zones by their IANA name, and times for people in them.

Zones come from the pinned package ``tzdata`` and not from the machine: a machine that was not updated for a year is an
hour off where the law has changed (British Columbia, November 2026), and machines of one city would not agree.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")
_UTC_TIME = re.compile(r"\b(\d{4}-\d\d-\d\d) (\d\d:\d\d)(:\d\d)? UTC\b")


@lru_cache
def zone_of(name: str) -> tzinfo:
    """Return a zone by its IANA name, as in ``America/Vancouver``; raises LookupError."""
    place = files("tzdata").joinpath("zoneinfo", *name.split("/")) if _NAME.fullmatch(name) else None
    if place is None or not place.is_file():
        raise LookupError(name)
    with place.open("rb") as file:
        try:
            return ZoneInfo.from_file(file, key=name)
        except ValueError as error:
            raise LookupError(name) from error


_NOBODY = frozenset({"AQ", "BV", "GS", "HM", "PN", "TF", "UM"})
"""Have no telephone numbers of their own."""

_BESIDES = frozenset({"AC", "TA", "XK"})
"""Have such, and are none of ISO 3166's; a test compares both with libphonenumber, which takes long to load."""


@lru_cache
def _countries() -> frozenset[str]:
    rows = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text("utf-8").splitlines()
    return (frozenset(row[:2] for row in rows if row and not row.startswith("#")) | _BESIDES) - _NOBODY


def is_country(code: str) -> bool:
    """Say whether this is a country's code, as in ``CA`` (ISO 3166-1, and more) that has people and telephones."""
    return code in _countries()


def in_words(time: datetime, zone: tzinfo) -> str:
    """Return a time for the public, as in ``26 November 2026, 16:01 PST``."""
    local = time.astimezone(zone)
    return f"{local.day} {local:%B %Y, %H:%M %Z}"


def in_digits(time: datetime, zone: tzinfo) -> str:
    """Return a time for the public in any language, as in ``2026-11-26 16:01 PST``."""
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def utc_text(time: datetime) -> str:
    """Return a time for a service's words, as in ``2026-11-26 23:01:00 UTC``: rounded down, and found by ``in_zone``.

    Services write their reasons for all readers and for the record, in UTC.
    """
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def in_zone(text: str, zone: tzinfo) -> str:
    """Return a service's words with the times that ``utc_text`` wrote in a zone. Never for words of a person."""

    def local(found: re.Match[str]) -> str:
        day, minute, second = found.groups()
        try:
            time = datetime.fromisoformat(f"{day} {minute}").replace(tzinfo=UTC).astimezone(zone)
        except (ValueError, OverflowError):
            return found[0]
        return f"{time:%Y-%m-%d %H:%M}{second or ''} {time:%Z}"

    return _UTC_TIME.sub(local, text)
