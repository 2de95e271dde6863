"""What is on an account of X, its reposts too: GET /2/users/{id}/tweets. Each post that is read costs 0.005 USD."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.contract import CannotTell
from services.fanout.connectors.listing import NewestOnly, ProfilePost
from services.fanout.connectors.x.api import XAccount, XApi, read_post, rows_of
from services.fanout.connectors.x.repost import PREFIX
from services.kernel.base.clock import Clock


async def posts_of(
    api: XApi, account: XAccount, since: datetime, site: str, clock: Clock
) -> list[ProfilePost] | CannotTell:
    """Return the newest hundred posts since a time; of more nothing is known."""
    query = {
        "max_results": "100",
        "start_time": f"{since:%Y-%m-%dT%H:%M:%SZ}",
        "tweet.fields": "created_at,referenced_tweets,entities,note_tweet",
    }
    outcome = await api.call(account.keys, account.deadline, "GET", f"/2/users/{account.id}/tweets", query=query)
    body = json_of(outcome)
    if not isinstance(body, dict) or not isinstance(body.get("meta"), dict):
        return cannot_tell("the platform does not list the account's posts", outcome, clock)
    try:
        posts = [_read(one, account.username, site) for one in rows_of(body)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return CannotTell(f"the platform's listing cannot be read: {type(error).__name__}")
    if "next_token" in body["meta"]:
        return NewestOnly("the account posted more than a hundred times since it was looked at", posts=tuple(posts))
    return posts


def _read(value: dict[str, Any], username: str, site: str) -> ProfilePost:
    """Read a post; a repost is named by what it shows, as receipts name it. Raises KeyError, TypeError, ValueError."""
    post = read_post(value)
    if not post.id.isdigit():
        raise ValueError("an id that cannot be used")
    shown = next((str(one["id"]) for one in value.get("referenced_tweets") or [] if one["type"] == "retweeted"), "")
    url = f"{site}/{username}/status/{post.id}"
    return ProfilePost(f"{PREFIX}{shown}" if shown else post.id, url, post.created_at, post.text, value)
