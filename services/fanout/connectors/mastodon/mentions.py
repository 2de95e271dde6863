"""Who mentions an account on a Mastodon server, or answers it: GET /api/v1/notifications (scope read:notifications)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.fanout.connectors.calls.http import Endpoint, Http
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.contract import CannotTell
from services.fanout.connectors.fields import time_in
from services.fanout.connectors.inquiry import Inquiry
from services.fanout.connectors.mastodon.ids import SAFE_ID
from services.fanout.connectors.mastodon.text import read_status
from services.kernel.base.clock import Clock

_PAGE = 40
_PAGES = 5
_PUBLIC = frozenset({"public", "unlisted"})


async def mentions(
    http: Http, clock: Clock, endpoint: Endpoint, profile: str, since: datetime
) -> list[Inquiry] | CannotTell:
    """Return what was asked in public since a time; a private message is nobody's but its reader's, and left out."""
    found: list[Inquiry] = []
    query = {"types[]": "mention", "limit": str(_PAGE)}
    for _ in range(_PAGES):
        outcome = await http.call(endpoint, "GET", "/api/v1/notifications", query=query)
        rows = json_of(outcome)
        if not isinstance(rows, list):
            return cannot_tell("the platform does not list who mentions the account", outcome, clock)
        try:
            page = [_read(one, profile) for one in rows]
            last = str(rows[-1]["id"]) if rows else ""
            older = any(time_in(one, "created_at") < since for one in rows)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return CannotTell(f"the platform's list cannot be read: {type(error).__name__}")
        found += [one for one in page if one is not None and one.at >= since]
        if not rows or older or not SAFE_ID.fullmatch(last):
            return found
        query["max_id"] = last
    return found


def _read(value: dict[str, Any], profile: str) -> Inquiry | None:
    """Read a notification; None for one of no public mention. Raises KeyError, TypeError or ValueError."""
    shown = value.get("status")
    if value["type"] != "mention" or not isinstance(shown, dict) or shown.get("visibility") not in _PUBLIC:
        return None
    status = read_status(shown)
    if not SAFE_ID.fullmatch(status.id):
        raise ValueError("an id that cannot be used")
    author = str(shown["account"]["acct"])
    under = status.reply_to if status.reply_to is not None and SAFE_ID.fullmatch(status.reply_to) else ""
    return Inquiry(profile, status.id, author, status.text, status.created_at, status.url, under)
