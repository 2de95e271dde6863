"""Comments: how a Page answers what somebody wrote under its posts (developers.facebook.com, Comment and /comments).

A Page's token reaches the comments under that Page's own posts, and no others. An answer to an answer is beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from schemas.places import FACEBOOK_POST, named_post
from services.fanout.connectors.answers import GONE, NOT_OURS, answered, on_hold
from services.fanout.connectors.calls.http import Answer
from services.fanout.connectors.chains import same
from services.fanout.connectors.contract import CannotTell, Cause, Intent, Permanent, Retryable, Unknown
from services.fanout.connectors.facebook.listing import POST_ID
from services.fanout.connectors.fields import text_in, time_in
from services.fanout.connectors.meta.graph import Graph, Page, error_code, text_of

LOOKS_BACK = timedelta(days=30)
"""A post whose address does not hold its number is looked for among the Page's posts of so long."""
_COMMENTS = "what is under the post that it answers"
_POSTS = "the Page's posts"
_NUMBER = re.compile(r"[0-9]{1,30}")
_NAMES_POST = frozenset({"story_fbid", "id", "fbid", "v"})
_SAME_PAGE = {"/story.php": "/permalink.php", "/photo.php": "/photo"}
_NAMES_COMMENT = ("reply_comment_id", "comment_id")
_NOT_THERE = 100


@dataclass(frozen=True)
class Question:
    """What is answered: a post of the Page (``page_number``) or a comment (``post_number``), by its ``id``."""

    id: str
    is_comment: bool


@dataclass(frozen=True)
class _Named:
    """What an address names: a post by its number or by its permalink, and the number of a comment under it."""

    post: str
    permalink: tuple[str, tuple[tuple[str, str], ...]]
    comment: str


async def question_of(graph: Graph, page: Page, intent: Intent, site: str) -> Question | Retryable | Permanent:
    """Return what an intent answers. Permanent where it is not there, or is none of the Page's."""
    named = _named(page, answered(intent), site)
    if named is None:
        return NOT_OURS
    post = f"{page.id}_{named.post}" if named.post else await _by_permalink(graph, page, named, intent.author_time)
    if not isinstance(post, str):
        return post
    wanted = f"{post.partition('_')[2]}_{named.comment}" if named.comment else post
    outcome = await graph.call(page, "GET", f"/{wanted}", query={"fields": "id,parent" if named.comment else "id"})
    if error_code(outcome) == _NOT_THERE:
        return GONE
    if text_of(outcome, "id") != wanted or not isinstance(outcome, Answer):
        result = graph.meaning(outcome)
        return Retryable(result.reason, cause=result.cause or Cause.HOST) if isinstance(result, Unknown) else result
    parent = _parent(outcome.body)
    return Question(parent if named.comment and POST_ID.fullmatch(parent) else wanted, bool(named.comment))


async def own_comments(
    graph: Graph, page: Page, question: Question, text: str, made_at: datetime
) -> list[str] | CannotTell:
    """Return the ids of the Page's own comments with a text right under what is answered, the oldest first.

    ``made_at``: when the request was made, by our clock; none before it is looked at.
    """
    query = {"fields": "id,message,from,created_time,parent", "filter": "stream", "limit": "100"}
    listed = await graph.listed_since(page, f"/{question.id}/comments", query, _COMMENTS, made_at)
    if isinstance(listed, CannotTell):
        return listed
    since = listed.since(made_at)
    above = question.id if question.is_comment else ""
    try:
        alike = [one for one in listed.rows if same(text_in(one, "message"), text) and _is_under(one, above)]
        own = [(time_in(one, "created_time"), str(one["id"])) for one in alike if _author(one) == page.id]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return graph.unread(_COMMENTS, error)
    return [name for at, name in sorted(own) if at >= since]


async def not_own(graph: Graph, page: Page, comment: str) -> Retryable | Permanent | Unknown | None:
    """Say why a comment is not to be deleted; None: it is the Page's. Its token may delete those of others, too."""
    outcome = await graph.call(page, "GET", f"/{comment}", query={"fields": "id,from"})
    if error_code(outcome) == _NOT_THERE:
        return None  # the answer to its deletion says whether it is gone
    if not isinstance(outcome, Answer) or outcome.status != 200 or not isinstance(outcome.body, dict):
        return graph.meaning(outcome)
    try:
        return None if _author(outcome.body) == page.id else Permanent("that is not a post of this Page")
    except (KeyError, TypeError):
        return Retryable("the platform does not say whose it is", cause=Cause.HOST)


async def _by_permalink(graph: Graph, page: Page, named: _Named, before: datetime) -> str | Retryable | Permanent:
    since = str(int((before - LOOKS_BACK).timestamp()))
    query = {"fields": "id,permalink_url", "limit": "100", "since": since}
    rows = await graph.listed(page, f"/{page.id}/published_posts", query, _POSTS)
    if isinstance(rows, CannotTell):
        return on_hold(rows)
    for row in rows:
        name, link = str(row.get("id")), urlsplit(str(row.get("permalink_url") or ""))
        if (
            POST_ID.fullmatch(name)
            and _permalink(unquote(link.path), dict(parse_qsl(link.query)))[0] == named.permalink
        ):
            return name
    return Permanent(f"the post that it answers is none of the Page's of the last {LOOKS_BACK.days} days")


def _named(page: Page, address: str, site: str) -> _Named | None:
    post = named_post("facebook", address, site)
    if post is None:
        return None
    permalink, comment = _permalink(post.path[0], post.query)
    # "pfbid..." is no number, and the id of a Page that people see may be another than the API's.
    own = post.query.get("story_fbid", "") if post.query.get("id") == page.id else ""
    number = (post.path[1] or "") if post.path.re is FACEBOOK_POST else own
    if comment and not comment.isdigit():
        return None
    return _Named(number if _NUMBER.fullmatch(number) else "", permalink, comment)


def _permalink(path: str, given: Mapping[str, str]) -> tuple[tuple[str, tuple[tuple[str, str], ...]], str]:
    """Return an address without the comment that it names, and the number of that comment, empty for none."""
    # Seen both as "12" and as "11_12", the comment's whole id.
    comment = next((given[name].rpartition("_")[2] for name in _NAMES_COMMENT if name in given), "")
    rest = sorted((name, value) for name, value in given.items() if name in _NAMES_POST)
    path = path.rstrip("/")
    return (_SAME_PAGE.get(path, path), tuple(rest)), comment


def _author(value: dict[str, Any]) -> str:
    """Return who wrote it; raises KeyError or TypeError where that is not said."""
    author = value["from"]
    if not isinstance(author, dict):
        raise TypeError("its author is not shown")
    return text_in(author, "id", needed=True)


def _is_under(value: dict[str, Any], above: str) -> bool:
    """Say whether it answers that comment, or the post itself; raises TypeError or AttributeError for another form."""
    parent = value.get("parent")
    return not above if parent is None else text_in(parent, "id", needed=True) == above


def _parent(value: Any) -> str:
    parent = value.get("parent") if isinstance(value, dict) else None
    return str(parent.get("id", "")) if isinstance(parent, dict) else ""
