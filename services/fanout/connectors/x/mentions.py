"""Who mentions an account on X, or answers it: GET /2/users/{id}/mentions. Each post that is read costs 0.005 USD."""

from __future__ import annotations

from datetime import datetime

from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.contract import CannotTell
from services.fanout.connectors.inquiry import Inquiry
from services.fanout.connectors.x.api import XAccount, XApi, read_post
from services.kernel.base.clock import Clock


async def mentions(
    api: XApi, account: XAccount, profile: str, since: datetime, site: str, clock: Clock
) -> list[Inquiry] | CannotTell:
    """Return the newest hundred mentions since a time; what the account says itself is none."""
    query = {
        "max_results": "100",
        "start_time": f"{since:%Y-%m-%dT%H:%M:%SZ}",
        "tweet.fields": "created_at,author_id,referenced_tweets,entities",
        "expansions": "author_id",
        "user.fields": "username",
    }
    outcome = await api.call(account.keys, account.deadline, "GET", f"/2/users/{account.id}/mentions", query=query)
    body = json_of(outcome)
    if not isinstance(body, dict) or not isinstance(body.get("meta"), dict):
        return cannot_tell("the platform does not list who mentions the account", outcome, clock)
    try:
        names = {one["id"]: str(one["username"]) for one in (body.get("includes") or {}).get("users") or []}
        found = []
        for value in body.get("data") or []:
            post, author = read_post(value), value.get("author_id")
            if author == account.id or not post.id.isdigit():
                continue
            under = post.reply_to if post.reply_to is not None and post.reply_to.isdigit() else ""
            url = f"{site}/i/status/{post.id}"
            found.append(Inquiry(profile, post.id, names.get(author, "?"), post.text, post.created_at, url, under))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return CannotTell(f"the platform's list cannot be read: {type(error).__name__}")
    return found
