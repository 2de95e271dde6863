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
_FIELDS = "id,message,created_time"


async def posts_of(graph: Graph, page: Page, site: str, since: datetime) -> list[ProfilePost] | CannotTell:
    """Return what the Page has published since a time."""
    query = {"fields": _FIELDS, "limit": "100", "since": str(int(since.timestamp()))}
    rows = await graph.listed(page, f"/{page.id}/published_posts", query, _POSTS)
    return rows if isinstance(rows, CannotTell) else _read(graph, rows, site, since)


async def posts_since(graph: Graph, page: Page, site: str, made_at: datetime) -> list[ProfilePost] | CannotTell:
    """Return what the Page has published since a request was made by our clock, whichever of the two is wrong."""
    query = {"fields": _FIELDS, "limit": "100"}
    found = await graph.listed_since(page, f"/{page.id}/published_posts", query, _POSTS, made_at)
    return found if isinstance(found, CannotTell) else _read(graph, found.rows, site, found.since(made_at))


def _read(graph: Graph, rows: list[dict[str, Any]], site: str, since: datetime) -> list[ProfilePost] | CannotTell:
    try:
        posts = [_post(one, site) for one in rows]
    except (KeyError, TypeError, ValueError) as error:
        return graph.unread(_POSTS, error)
    return [one for one in posts if one.at >= since]


def _post(value: dict[str, Any], site: str) -> ProfilePost:
    """Read a post; raises KeyError, TypeError or ValueError."""
    if not POST_ID.fullmatch(value["id"]):
        raise ValueError("an id that cannot be used")
    at, text = time_in(value, "created_time"), text_in(value, "message") or text_in(value, "story")
    page, _, number = value["id"].partition("_")
    return ProfilePost(value["id"], f"{site}/{page}/posts/{number}", at, text, value)
