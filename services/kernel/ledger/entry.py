"""One entry of a stream as it is there, and the headers that say on what condition it was stored. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

FENCE_SUBJECT = "Nats-Expected-Last-Subject-Sequence-Subject"
EXPECTED = "Nats-Expected-Last-Subject-Sequence"
MESSAGE_ID = "Nats-Msg-Id"

AT_HEADER = "OneVoice-At"
"""On a restored entry: when it was stored first (ISO 8601, UTC)."""

LAST_HEADER = "Nats-Expected-Last-Sequence"
"""On a restored entry: the sequence before its own. Nothing but a restore sets it."""


class Entry(NamedTuple):
    """One message of a stream. ``at`` is when the server stored it first (``entry_time``)."""

    seq: int
    subject: str
    at: datetime
    data: bytes
    headers: dict[str, str]


def is_restored(seq: int, headers: Mapping[str, str]) -> bool:
    """Return whether an entry carries its first time, and is pinned to its place, as what a restore puts back."""
    return AT_HEADER in headers and headers.get(LAST_HEADER) == str(seq - 1)


def entry_time(stored: datetime, seq: int, headers: Mapping[str, str], restored: int) -> datetime:
    """Return when an entry was stored first.

    That is the server's own time, but for what a restore has put back (up to the sequence ``restored``): it carries the
    first time in a header. The header counts only beside the one that pins the entry to its place, and never makes an
    entry newer.
    """
    if seq > restored or not is_restored(seq, headers):
        return stored
    said = headers[AT_HEADER]
    try:
        first = datetime.fromisoformat(said)
        return min(stored, first.astimezone(UTC)) if first.tzinfo else stored
    except (ValueError, OverflowError):  # the latter: a time outside of the years 1 to 9999 in UTC
        return stored


def parse_time(text: str) -> datetime:
    """Parse the server's RFC 3339 time (nanoseconds are cut to microseconds)."""
    head, _, fraction = text.removesuffix("Z").partition(".")
    micro = int(fraction[:6].ljust(6, "0")) if fraction else 0
    return datetime.fromisoformat(head).replace(microsecond=micro, tzinfo=UTC)
