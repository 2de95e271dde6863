"""Finds a message among an account's posts: the longest chain of parts that stands. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Status:
    """A post as a listing shows it. ``text`` is its plain text, ``reply_to`` the id that it answers."""

    id: str
    url: str
    created_at: datetime
    text: str
    reply_to: str | None


def same(left: str, right: str) -> bool:
    """Say whether two texts read the same: white space and Unicode composition do not count."""
    return _normal(left) == _normal(right)


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def longest_chain(
    parts: Sequence[str],
    found: Sequence[Status],
    is_part: Callable[[Status, str], bool],
    answers: str | None = None,
    is_sure: Callable[[Status], bool] = lambda _status: True,
) -> list[Status]:
    """Return the statuses that are the first parts of a thread, in order; empty when not even the first stands.

    The first part answers ``answers`` (None: nothing), each other one answers the part before it. Of several beginnings
    the longest counts, of equally long ones the oldest. A beginning that goes on otherwise is another thread's, where
    ``is_sure`` says that a status' text is as it was sent.
    """
    oldest_first = sorted(found, key=lambda status: (status.created_at, len(status.id), status.id))
    chains = [
        _chain(status, parts, oldest_first, is_part, is_sure) for status in oldest_first if status.reply_to == answers
    ]
    return max(chains, key=len, default=[])


def _chain(
    start: Status,
    parts: Sequence[str],
    found: Sequence[Status],
    is_part: Callable[[Status, str], bool],
    is_sure: Callable[[Status], bool],
) -> list[Status]:
    if not is_part(start, parts[0]):
        return []
    chain = [start]
    for part in parts[1:]:
        last = chain[-1].id
        following = next((status for status in found if status.reply_to == last and is_part(status, part)), None)
        if following is None:
            # Another next part: the same words began another thread.
            return [] if any(status.reply_to == last and is_sure(status) for status in found) else chain
        chain.append(following)
    return chain
