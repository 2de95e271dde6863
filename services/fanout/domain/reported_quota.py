"""What platforms say is left of an account's quota, in the headers of their answers. Pure.

Sources: docs.joinmastodon.org/api/rate-limits, docs.x.com (rate limits), docs.bsky.app (rate limits),
developers.facebook.com (rate limits: X-App-Usage, X-Business-Use-Case-Usage, in percent).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.fanout.connectors.calls.waits import read_wait, server_time

PERCENT_WINDOW = 300.0
"""Seconds for which a percentage of Meta's is believed: it counts over a sliding hour; each answer says it again."""

LONGEST_WINDOW = 86_400.0
KEPT = 0.2
"""The part of a reported limit that is kept for what cannot wait."""

_MOST_PERCENT = 1e6
"""A number of hundreds of digits is read as JSON and is no float."""


@dataclass(frozen=True)
class ReportedQuota:
    """Of ``limit`` posts (or per cent) ``left`` are left for ``seconds`` more."""

    limit: float
    left: float
    seconds: float


@dataclass(frozen=True)
class PlatformAnswer:
    """One answer of a platform: to which call it came, and its headers, found by their names in any case."""

    method: str
    path: str
    headers: Mapping[str, str]


_POSTING: dict[str, tuple[str, ...]] = {
    "mastodon": ("/api/v1/statuses",),
    "x": ("/2/tweets", "/retweets"),
    "bluesky": ("com.atproto.repo.putRecord", "com.atproto.repo.applyWrites"),
}
"""The calls whose headers speak of posts; others have quotas of their own."""

_NAMES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "mastodon": (("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),),
    "x": (
        ("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"),
        ("x-user-limit-24hour-limit", "x-user-limit-24hour-remaining", "x-user-limit-24hour-reset"),
        ("x-app-limit-24hour-limit", "x-app-limit-24hour-remaining", "x-app-limit-24hour-reset"),
    ),
    "bluesky": (("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),),
}
_POINTS = {"bluesky": 3.0}
"""What one post costs where a platform counts points."""

_PERCENT = frozenset({"facebook", "instagram", "threads"})


def reported_by(platform: str, answers: Iterable[PlatformAnswer], now: datetime) -> ReportedQuota | None:
    """Return the tightest of what some answers say of an account's posts; None where they say nothing."""
    found = [reported for one in answers for reported in _reported(platform, one, now)]
    return min(found, key=lambda reported: (reported.left / reported.limit, -reported.seconds), default=None)


def _reported(platform: str, answers: PlatformAnswer, now: datetime) -> Iterator[ReportedQuota]:
    headers = answers.headers
    if platform in _PERCENT:
        used = max(_percents(headers), default=None)
        if used is not None:
            yield ReportedQuota(100.0, max(0.0, 100.0 - used), PERCENT_WINDOW)
        return
    if answers.method != "POST" or not answers.path.endswith(_POSTING.get(platform, ())):
        return
    cost = _POINTS.get(platform, 1.0)
    for names in _NAMES[platform]:
        if names[0] not in headers:
            continue
        limit, left = (_number(headers.get(name)) for name in names[:2])
        seconds = _seconds(headers.get(names[2]), server_time(headers) or now)
        if limit and left is not None and seconds is not None and 0 <= left <= limit:
            yield ReportedQuota(limit / cost, left / cost, seconds)


def _percents(headers: Mapping[str, str]) -> Iterator[float]:
    for name in ("x-app-usage", "x-page-usage", "x-business-use-case-usage"):
        try:
            value = json.loads(headers.get(name, ""))
        except (ValueError, RecursionError):
            continue
        yield from _usages(value)


def _usages(value: Any) -> Iterator[float]:
    """Yield each percentage of Meta's, however it is wrapped."""
    if isinstance(value, list):
        for one in value:
            yield from _usages(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name in ("call_count", "total_time", "total_cputime") and isinstance(one, int | float):
                if 0 <= one <= _MOST_PERCENT:
                    yield float(one)
            elif isinstance(one, list | dict):
                yield from _usages(one)


def _number(text: str | None) -> float | None:
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None


def _seconds(text: str | None, now: datetime) -> float | None:
    """Return how long a window still lasts by the server's own clock."""
    seconds = read_wait((text or "").strip(), now)
    return min(seconds, LONGEST_WINDOW) if seconds is not None else None
