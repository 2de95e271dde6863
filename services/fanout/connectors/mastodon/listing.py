"""What is on an account of a Mastodon server, its boosts and answers too (GET /api/v1/accounts/:id/statuses)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.fanout.connectors.calls.http import Endpoint, Http
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.contract import CannotTell
from services.fanout.connectors.listing import NewestOnly, ProfilePost
from services.fanout.connectors.mastodon.ids import SAFE_ID
from services.fanout.connectors.mastodon.text import read_status
from services.kernel.base.clock import Clock
from services.kernel.base.zones import utc_text

_PAGE = 40
_PAGES = 5


async def posts_of(
    http: Http, clock: Clock, endpoint: Endpoint, account_id: str, since: datetime
) -> list[ProfilePost] | CannotTell:
    """Return an account's statuses since a time."""
    found: list[ProfilePost] = []
    query = {"limit": str(_PAGE)}
    for _ in range(_PAGES):
        outcome = await http.call(endpoint, "GET", f"/api/v1/accounts/{account_id}/statuses", query=query)
        rows = json_of(outcome)
        if not isinstance(rows, list):
            return cannot_tell("the platform does not list the account's posts", outcome, clock)
        try:
            page = [_read(one) for one in rows]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return CannotTell(f"the platform's listing cannot be read: {type(error).__name__}")
        found += [one for one in page if one.at >= since]
        if not page or page[-1].at < since:
            return found
        query["max_id"] = page[-1].id
    reason = f"the account has more than {_PAGES * _PAGE} posts since {utc_text(since)}"
    return NewestOnly(reason, posts=tuple(found))


def _read(value: dict[str, Any]) -> ProfilePost:
    """Read a status; a boost has the words of what it shows. Raises KeyError, TypeError or ValueError."""
    shown = value.get("reblog")
    status = read_status(value)
    if not SAFE_ID.fullmatch(status.id):
        raise ValueError("an id that cannot be used")
    if not isinstance(shown, dict):
        return ProfilePost(status.id, status.url, status.created_at, status.text, value)
    theirs = read_status(shown)
    return ProfilePost(status.id, status.url, status.created_at, f"boosts {theirs.url}: {theirs.text}", value)
