"""Comments: how a page answers a post, or what somebody wrote under one (learn.microsoft.com, Comments API).

Nothing tells repeats apart, so the page's own comments there are looked at before each call. An answer to an answer
is beside it: LinkedIn shows two levels. A comment is plain text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from schemas.places import LINKEDIN_UPDATE, named_post
from services.fanout.connectors.answers import GONE, NOT_OURS, answered, not_seen
from services.fanout.connectors.calls.http import Answer
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.chains import same
from services.fanout.connectors.contract import (
    Absent,
    Altered,
    CannotTell,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReadBackResult,
    Retracted,
    RetractResult,
    Unknown,
)
from services.fanout.connectors.fields import text_in
from services.fanout.connectors.linkedin.api import LinkedInApi, Organization, encoded, is_deleted, not_found, time_of
from services.kernel.base.clock import Clock

_PAGES = 5
_COUNT = 100
_COMMENT = re.compile(r"urn:li:comment:\((?:urn:li:)?((?:activity|share|ugcPost):[0-9]{1,30}),([0-9]{1,30})\)")
_REMOTE = re.compile(r"(urn:li:(?:activity|share|ugcPost):[0-9]{1,30})/([0-9]{1,30})")


@dataclass(frozen=True)
class Thread:
    """What is answered: a post by its URN, or the comment with a number under it."""

    post: str
    comment: str = ""

    @property
    def parent(self) -> str:
        """The comment's URN, empty for a post."""
        return f"urn:li:comment:({self.post},{self.comment})" if self.comment else ""

    @property
    def path(self) -> str:
        """The call that lists and makes the answers to it."""
        return f"/socialActions/{encoded(self.parent or self.post)}/comments"


class PageComments:
    """Answers as pages; ``site`` is where people look at them."""

    def __init__(self, api: LinkedInApi, site: str, clock: Clock) -> None:
        self._api = api
        self._site = site
        self._clock = clock

    async def publish(self, page: Organization, intent: Intent) -> PublishResult:
        """Look whether it is there, else comment."""
        thread = named(answered(intent), self._site)
        if thread is None:
            return NOT_OURS
        found = await self._find(page, intent, thread)
        if isinstance(found, Posted):
            return found
        if isinstance(found, CannotTell):
            return not_seen(found)
        body = {"actor": page.urn, "object": thread.post, "message": {"text": intent.content.parts[0]}}
        body |= {"parentComment": thread.parent} if thread.parent else {}
        outcome = await self._api.call(page, "POST", thread.path, value=body)
        number = str(outcome.headers.get("x-restli-id", "")) if isinstance(outcome, Answer) else ""
        if isinstance(outcome, Answer) and outcome.status == 201 and number.isdigit():
            return self._posted(thread.post, number)
        return GONE if not_found(outcome) else self._api.meaning(outcome)

    async def reconcile(self, page: Organization, intent: Intent) -> Posted | Absent | CannotTell:
        """Look for it under what it answers; what stood under a post that is gone went with it."""
        thread = named(answered(intent), self._site)
        return Absent() if thread is None else await self._find(page, intent, thread)

    async def read_back(self, page: Organization, intent: Intent, remote_id: str) -> ReadBackResult:
        """Ask for the comment, and compare its words."""
        shown = await self._shown(page, remote_id)
        if not isinstance(shown, dict):
            return shown
        try:
            text = _text(shown)
        except (TypeError, AttributeError):
            return CannotTell("the platform does not show its words")
        if not same(text, intent.content.parts[0]):
            return Altered((("text", "the platform shows the text otherwise than it was approved"),))
        return self._posted(*remote_id.split("/"))

    async def retract(self, page: Organization, intent: Intent, remote_id: str) -> RetractResult:
        """Delete it, if it is the page's own. Without a ``remote_id`` it is looked for."""
        if not remote_id:
            found = await self.reconcile(page, intent)
            if not isinstance(found, Posted):
                return Retracted() if isinstance(found, Absent) else Unknown(found.reason, found.cause)
            remote_id = found.remote_id
        shown = await self._shown(page, remote_id)
        if isinstance(shown, Absent):
            return Retracted()
        if isinstance(shown, CannotTell):
            return Unknown(shown.reason, shown.cause, shown.after)
        if shown.get("actor") != page.urn:
            return Permanent("that is not a comment of this page")
        query = f"?actor={encoded(page.urn)}"
        outcome = await self._api.call(page, "DELETE", f"{_path(remote_id)}{query}")
        return Retracted() if is_deleted(outcome) else self._api.meaning(outcome)

    async def _shown(self, page: Organization, remote_id: str) -> dict[str, Any] | Absent | CannotTell:
        if not is_comment(remote_id):
            return CannotTell("that is not a comment of this platform")
        outcome = await self._api.call(page, "GET", _path(remote_id))
        if not_found(outcome):
            return Absent()
        body = json_of(outcome)
        if not isinstance(body, dict) or str(body.get("id")) != remote_id.partition("/")[2]:
            return cannot_tell("the platform does not say whether it is there", outcome, self._clock)
        return body

    async def _find(self, page: Organization, intent: Intent, thread: Thread) -> Posted | Absent | CannotTell:
        """Look through the page's own comments there since the request was made; the oldest with its words is it."""
        rows = await self._listed(page, thread)
        if not isinstance(rows, list):
            return rows
        since, text = self._api.since(intent.author_time), intent.content.parts[0]
        try:
            alike = [one for one in rows if same(_text(one), text)]
            own = [_dated(one) for one in alike if text_in(one, "actor", needed=True) == page.urn]
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            return CannotTell(f"the platform's comments cannot be read: {type(error).__name__}")
        found = sorted(one for one in own if one[0] >= since)
        return self._posted(thread.post, found[0][1]) if found else Absent()

    async def _listed(self, page: Organization, thread: Thread) -> list[dict[str, Any]] | Absent | CannotTell:
        found: list[dict[str, Any]] = []
        for number in range(_PAGES):
            outcome = await self._api.call(page, "GET", f"{thread.path}?count={_COUNT}&start={number * _COUNT}")
            if not_found(outcome):
                return Absent()
            body = json_of(outcome)
            rows = body.get("elements") if isinstance(body, dict) else None
            if not isinstance(rows, list) or not all(isinstance(one, dict) and "id" in one for one in rows):
                return cannot_tell("the platform does not list what is under the post", outcome, self._clock)
            found += rows
            if len(rows) < _COUNT:
                return found
        return CannotTell(f"more comments stand there than are read: over {_PAGES * _COUNT}")

    def _posted(self, post: str, comment: str) -> Posted:
        urn = quote(f"urn:li:comment:({post.removeprefix('urn:li:')},{comment})", safe="")
        return Posted(f"{self._site}/feed/update/{post}?commentUrn={urn}", f"{post}/{comment}")


def is_comment(remote_id: str) -> bool:
    """True for the id that a receipt has of a comment: the post's URN, and the comment's number."""
    return _REMOTE.fullmatch(remote_id) is not None


def named(address: str, site: str) -> Thread | None:
    """Return what an address names; None where that is no post of LinkedIn."""
    post = named_post("linkedin", address, site)
    if post is None:
        return None
    comment = _COMMENT.fullmatch(post.query.get("commentUrn", ""))
    if comment is not None:
        return Thread(f"urn:li:{comment[1]}", comment[2])
    return Thread(post.path[1] if post.path.re is LINKEDIN_UPDATE else f"urn:li:{post.path[1]}:{post.path[2]}")


def _path(remote_id: str) -> str:
    post, _, comment = remote_id.partition("/")
    return f"/socialActions/{encoded(post)}/comments/{comment}"


def _text(row: dict[str, Any]) -> str:
    """Return what a comment says, empty for a picture; raises TypeError or AttributeError for another kind."""
    message = row.get("message")
    return "" if message is None else text_in(message, "text")


def _dated(row: dict[str, Any]) -> tuple[datetime, str]:
    return time_of(row["created"]["time"]), str(row["id"])
