"""Reads Meta's answers. Pure; a form that is not known raises KeyError, TypeError, ValueError or AttributeError."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.fanout.connectors.fields import text_in, time_in
from services.fanout.connectors.inquiry import Inquiry

NEWEST = 10
ASKED_ABOUT = timedelta(days=2)
"""People ask under the newest posts: so many of them, of so long, are looked at."""


def address_of(value: Any, site: str) -> str:
    """Return a post's address if it is one on the platform's own site, else the empty text."""
    url = str(value.get("permalink", ""))
    return url if url.startswith(f"{site}/") else ""


def answer_of(value: Any, profile: str, post: str, url: str) -> Inquiry:
    """Return what somebody wrote under a post of Threads or Instagram."""
    at = time_in(value, "timestamp")
    said, author = text_in(value, "text"), text_in(value, "username") or "?"
    return Inquiry(profile, str(value["id"]), author, said, at, url, post)


def comment_of(value: Any, profile: str, post: str, page: str, site: str) -> Inquiry | None:
    """Return what somebody commented under a Page's post; None for the Page's own words."""
    author = value.get("from") or {}
    if str(author.get("id", "")) == page:
        return None
    url = str(value.get("permalink_url", ""))
    return Inquiry(
        profile,
        str(value["id"]),
        text_in(author, "name") or "?",
        text_in(value, "message"),
        time_in(value, "created_time"),
        url if url.startswith(f"{site}/") else "",
        post,
    )


def left_of(body: Any) -> int | None:
    """Return how many posts are left of a day's quota; None where the answer does not say."""
    try:
        (found,) = body["data"]
        return max(0, int(found["config"]["quota_total"]) - int(found["quota_usage"]))
    except (KeyError, TypeError, ValueError):
        return None
