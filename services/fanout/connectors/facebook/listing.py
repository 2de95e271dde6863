"""What a Page has published, as its platform lists it (/published_posts)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from services.fanout.connectors.contract import CannotTell
from services.fanout.connectors.fields import text_in, time_in
from services.fanout.connectors.listing import ProfilePost
from services.fanout.connectors.meta.graph import Graph, Page

POST_ID = re.compile(r"[0-9]{1,30}_[0-9]{1,30}")
"""The id of a post (Page and number), and of a comment (post and number)."""
_POSTS = "the Page's posts"


async def posts_of(graph: Graph, page: Page, site: str, since: datetime) -> list[ProfilePost] | CannotTell:
    """Return what the Page has published since a time."""
    query = {"fields": "id,message,created_time", "limit": "100", "since": str(int(since.timestamp()))}
    rows = await graph.listed(page, f"/{page.id}/published_posts", query, _POSTS)
    if isinstance(rows, CannotTell):
        return rows
    try:
        posts = [_read(one, site) for one in rows]
    except (KeyError, TypeError, ValueError) as error:
        return graph.unread(_POSTS, error)
    return [one for one in posts if one.at >= since]


def _read(value: dict[str, Any], site: str) -> ProfilePost:
    """Read a post; raises KeyError, TypeError or ValueError."""
    if not POST_ID.fullmatch(value["id"]):
        raise ValueError("an id that cannot be used")
    at, text = time_in(value, "created_time"), text_in(value, "message") or text_in(value, "story")
    page, _, number = value["id"].partition("_")
    return ProfilePost(value["id"], f"{site}/{page}/posts/{number}", at, text, value)
