"""Who mentions an account on Bluesky, or answers it (app.bsky.notification.listNotifications, which the server's
AppView answers; a server without one cannot be asked).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.fanout.connectors.answers import not_let_in
from services.fanout.connectors.bluesky.entrance import Way
from services.fanout.connectors.bluesky.record import read_uri
from services.fanout.connectors.bluesky.session import Sessions
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.contract import CannotTell, Permanent, Retryable
from services.fanout.connectors.fields import text_in, time_in
from services.fanout.connectors.inquiry import Inquiry
from services.kernel.base.clock import Clock

_PAGE = 100
_PAGES = 3
_ASKING = frozenset({"mention", "reply", "quote"})


async def mentions(
    sessions: Sessions, clock: Clock, way: Way, profile: str, app: str, since: datetime
) -> list[Inquiry] | CannotTell:
    """Return what was asked since a time: mentions, answers and quotes."""
    found: list[Inquiry] = []
    query = {"limit": str(_PAGE)}
    for _ in range(_PAGES):
        outcome = await sessions.call(
            way.login, way.deadline, "GET", "app.bsky.notification.listNotifications", query=query
        )
        if isinstance(outcome, Retryable | Permanent):
            return not_let_in(outcome)
        body = json_of(outcome)
        rows = body.get("notifications") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(rows, list):
            return cannot_tell("the platform does not list who mentions the account", outcome, clock)
        try:
            page = [(time_in(one, "indexedAt"), _read(one, profile, app)) for one in rows]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return CannotTell(f"the platform's list cannot be read: {type(error).__name__}")
        found += [one for at, one in page if one is not None and at >= since]
        cursor = body.get("cursor")
        if not cursor or not page or min(at for at, _ in page) < since:
            return found
        query["cursor"] = str(cursor)
    return found


def _read(value: dict[str, Any], profile: str, app: str) -> Inquiry | None:
    """Read a notification; None for one that asks nothing. Raises KeyError, TypeError or ValueError."""
    place = read_uri(str(value["uri"]))
    if value["reason"] not in _ASKING or place is None:
        return None
    record, author = value["record"], value["author"]
    reply = record.get("reply")
    parent = str(reply["parent"]["uri"]) if isinstance(reply, dict) else ""
    name = str(author.get("handle") or author["did"])
    at = time_in(value, "indexedAt")
    url = f"{app}/profile/{place[0]}/post/{place[1]}"
    return Inquiry(profile, str(value["uri"]), name, text_in(record, "text"), at, url, parent)
