"""Finds the post that an address leads to, so that it can be answered.

Threads takes its number, which no address holds. So it is looked for where the API
shows posts: the account's own, and what people answered under the newest of them.
Source: developers.facebook.com/docs/threads, "Reply management" (``conversation``, ``reply_to_id``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from schemas.places import named_post
from services.fanout.connectors.answers import NOT_OURS, on_hold
from services.fanout.connectors.contract import CannotTell, Permanent, Retryable
from services.fanout.connectors.meta.graph import Graph, Page

LOOKS_BACK = timedelta(days=30)
LOOKED_UNDER = 25
_POSTS = "the account's posts"
_ANSWERS = "what people answered"
_NOWHERE = Permanent(
    f"the post that it answers is none of the account's of {LOOKS_BACK.days} days, nor under its newest {LOOKED_UNDER}"
)


async def post_at(
    graph: Graph, account: Page, address: str, *, site: str, before: datetime
) -> str | Retryable | Permanent:
    """Return the number of the post at an address; Permanent where the API does not show it to this account."""
    code = _code(address, site)
    if not code:
        return NOT_OURS
    query = {"fields": "id,permalink", "limit": "100"}
    since = {"since": str(int((before - LOOKS_BACK).timestamp()))}
    own: list[dict[str, Any]] = []
    for edge in ("threads", "replies"):
        rows = await graph.listed(account, f"/{account.id}/{edge}", query | since, _POSTS)
        if isinstance(rows, CannotTell):
            return on_hold(rows)
        own = own or rows
        if found := _with_code(rows, code, site):
            return found
    for post in own[:LOOKED_UNDER]:
        path = f"/{post.get('id')}/conversation"
        rows = await graph.listed(account, path, query, _ANSWERS, until=lambda row: _is_at(row, code, site))
        if isinstance(rows, CannotTell) and rows.cause is not None:
            return on_hold(rows)
        if isinstance(rows, list) and (found := _with_code(rows, code, site)):
            return found
    return _NOWHERE


def _with_code(rows: list[dict[str, Any]], code: str, site: str) -> str:
    return next((str(row["id"]) for row in rows if _is_at(row, code, site)), "")


def _is_at(row: dict[str, Any], code: str, site: str) -> bool:
    return _code(str(row.get("permalink", "")), site) == code and str(row.get("id", "")).isdigit()


def _code(address: str, site: str) -> str:
    """Return a post's code as its address holds it; empty where that is none of a post."""
    post = named_post("threads", address, site)
    return post.path[1] if post is not None else ""
