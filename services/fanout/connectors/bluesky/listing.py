"""What is in an account's repository, its reposts too (com.atproto.repo.listRecords); no login is needed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from services.fanout.connectors.bluesky.record import COLLECTION, time_of
from services.fanout.connectors.calls.http import Endpoint, Http
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.contract import CannotTell
from services.fanout.connectors.fields import text_in
from services.fanout.connectors.listing import ProfilePost
from services.kernel.base.clock import Clock
from services.kernel.base.zones import utc_text

REPOSTS = "app.bsky.feed.repost"
_PAGE = 100
_PAGES = 5
_KEY = re.compile(r"[A-Za-z0-9._~:-]{1,512}")


async def posts_of(
    http: Http, clock: Clock, endpoint: Endpoint, did: str, app: str, since: datetime
) -> list[ProfilePost] | CannotTell:
    """Return what an account has published since a time: records, the newest first until they are older."""
    found: list[ProfilePost] = []
    for collection in (COLLECTION, REPOSTS):
        posts = await _posts(http, clock, endpoint, f"at://{did}/{collection}/", app, since)
        if isinstance(posts, CannotTell):
            return posts
        found += posts
    return [one for one in found if one.at >= since]


async def _posts(
    http: Http, clock: Clock, endpoint: Endpoint, beginning: str, app: str, since: datetime
) -> list[ProfilePost] | CannotTell:
    """Return the records whose URIs begin so, the newest first until they are older."""
    did, collection = beginning.removeprefix("at://").rstrip("/").split("/")
    query = {"repo": did, "collection": collection, "limit": str(_PAGE)}
    found: list[ProfilePost] = []
    for _ in range(_PAGES):
        outcome = await http.call(endpoint, "GET", "/xrpc/com.atproto.repo.listRecords", query=query)
        body = json_of(outcome)
        rows = body.get("records") if isinstance(body, dict) else None
        if not isinstance(rows, list):
            return cannot_tell("the platform does not list the account's posts", outcome, clock)
        try:
            page = [_post(one, did, app) for one in rows]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return CannotTell(f"the platform's listing cannot be read: {type(error).__name__}")
        if not all(_KEY.fullmatch(one.id.removeprefix(beginning)) for one in page):
            return CannotTell("the platform lists what is not the account's")
        found += page
        cursor = body.get("cursor") if isinstance(body, dict) else None
        if not cursor or not page or max(one.at for one in page) < since:
            return found
        query["cursor"] = str(cursor)
    return CannotTell(f"the account has more than {_PAGES * _PAGE} posts since {utc_text(since)}")


def made_at(record: dict[str, Any]) -> datetime:
    """Return when a record was made: by its key, else as it says itself. Raises KeyError, TypeError or ValueError."""
    by_key = time_of(str(record["uri"]).rpartition("/")[2])
    if by_key is not None:
        return by_key
    at = datetime.fromisoformat(record["value"]["createdAt"])
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _post(record: dict[str, Any], did: str, app: str) -> ProfilePost:
    uri, value = str(record["uri"]), record["value"]
    if f"/{REPOSTS}/" in uri:
        subject = value.get("subject")
        shown = str(subject.get("uri", "")) if isinstance(subject, dict) else ""
        return ProfilePost(uri, f"{app}/profile/{did}", made_at(record), f"reposts {shown}", record)
    url = f"{app}/profile/{did}/post/{uri.rpartition('/')[2]}"
    return ProfilePost(uri, url, made_at(record), text_in(value, "text"), record)
