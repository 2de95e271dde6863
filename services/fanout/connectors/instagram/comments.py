"""Comments: how an account answers what somebody wrote under its posts (developers.facebook.com, IG Comment).

A token reaches the comments under the account's own posts, and no others. An answer to an answer is beside it.
Nothing tells repeats apart, so the account's own comments there are looked at before each call.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.places import named_post
from services.fanout.connectors.answers import GONE, NOT_OURS, answered, not_let_in, not_seen, on_hold
from services.fanout.connectors.calls.http import Outcome
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.chains import same
from services.fanout.connectors.contract import (
    Absent,
    Altered,
    CannotTell,
    Cause,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReadBackResult,
    Retryable,
    Unknown,
)
from services.fanout.connectors.fields import text_in, time_in
from services.fanout.connectors.meta.codes import meaning
from services.fanout.connectors.meta.graph import Graph, Page, error_code, text_of
from services.kernel.base.clock import Clock

LOOKS_BACK = timedelta(days=30)
_NOT_THERE = 100
_POSTS = "the account's posts"
_COMMENTS = "what is under the post that it answers"


@dataclass(frozen=True)
class AskedUnder:
    """What is answered: a post (``media``, at ``url``), or a comment under it."""

    media: str
    url: str
    comment: str = ""

    @property
    def edge(self) -> str:
        """Where the answers to it stand."""
        return f"/{self.comment}/replies" if self.comment else f"/{self.media}/comments"

    def address(self, comment: str) -> str:
        """Return where people look at an answer to it."""
        base = self.url.rstrip("/")
        return f"{base}/c/{self.comment}/r/{comment}/" if self.comment else f"{base}/c/{comment}/"


class Comments:
    """Answers as accounts; ``site`` is where posts are looked at."""

    def __init__(self, graph: Graph, site: str, clock: Clock) -> None:
        self._graph = graph
        self._site = site
        self._clock = clock

    async def publish(self, account: Page, intent: Intent) -> PublishResult:
        """Look whether it is there, else comment."""
        place = await self._place(account, intent)
        if not isinstance(place, AskedUnder):
            return place
        found = await self._find(account, intent, place)
        if isinstance(found, Posted):
            return found
        if isinstance(found, CannotTell):
            return not_seen(found)
        outcome = await self._graph.call(account, "POST", place.edge, value={"message": intent.content.parts[0]})
        comment = text_of(outcome, "id")
        return Posted(place.address(comment), comment) if comment.isdigit() else meaning(self._graph, outcome)

    async def reconcile(self, account: Page, intent: Intent) -> Posted | Absent | CannotTell:
        """Look for it; what stood under a post that is gone went with it."""
        place = await self._place(account, intent)
        if place == GONE:
            return Absent()
        return await self._find(account, intent, place) if isinstance(place, AskedUnder) else not_let_in(place)

    async def read_back(self, account: Page, intent: Intent, comment: str) -> ReadBackResult:
        """Ask for the comment by its id, and compare its words."""
        outcome = await self._graph.call(account, "GET", f"/{comment}", query={"fields": "id,text"})
        if error_code(outcome) == _NOT_THERE:
            return Absent()
        if text_of(outcome, "id") != comment:
            return cannot_tell("the platform does not say whether it is there", outcome, self._clock)
        if not same(text_of(outcome, "text"), intent.content.parts[0]):
            return Altered((("text", "the platform shows the text otherwise than it was approved"),))
        return Posted("", comment)

    async def own_name(self, account: Page) -> str | CannotTell:
        """Return the name by which the account's own comments are known."""
        outcome = await self._graph.call(account, "GET", "/me", query={"fields": "user_id,username"})
        if text_of(outcome, "user_id") != account.id:
            return cannot_tell("the platform does not say whose token it is", outcome, self._clock)
        return text_of(outcome, "username") or CannotTell("the platform does not say the account's name")

    async def _place(self, account: Page, intent: Intent) -> AskedUnder | Retryable | Permanent:
        named = self._named(answered(intent))
        if named is None:
            return NOT_OURS
        code, comment = named
        since = str(int((intent.author_time - LOOKS_BACK).timestamp()))
        query = {"fields": "id,permalink", "limit": "100", "since": since}
        rows = await self._graph.listed(account, f"/{account.id}/media", query, _POSTS)
        if isinstance(rows, CannotTell):
            return on_hold(rows)
        post = next((row for row in rows if (self._named(str(row.get("permalink"))) or ("",))[0] == code), None)
        if post is None or not str(post.get("id")).isdigit():
            return Permanent(f"the post that it answers is none of the account's of the last {LOOKS_BACK.days} days")
        place = AskedUnder(str(post["id"]), str(post["permalink"]), comment)
        return await self._there(account, place) if comment else place

    async def _there(self, account: Page, place: AskedUnder) -> AskedUnder | Retryable | Permanent:
        """See that a comment is under its post."""
        outcome = await self._graph.call(account, "GET", f"/{place.comment}", query={"fields": "id,media"})
        if error_code(outcome) == _NOT_THERE:
            return GONE
        body = json_of(outcome)
        media = body.get("media") if isinstance(body, dict) else None
        name = media.get("id") if isinstance(media, dict) else None
        if not isinstance(name, str):
            return self._later(outcome)
        return place if name == place.media else GONE

    def _later(self, outcome: Outcome) -> Retryable | Permanent:
        why = meaning(self._graph, outcome)
        return Retryable(why.reason, why.after, cause=why.cause or Cause.HOST) if isinstance(why, Unknown) else why

    async def _find(self, account: Page, intent: Intent, place: AskedUnder) -> Posted | Absent | CannotTell:
        """Look through the account's own comments there since the request was made; the oldest with its words is it."""
        name = await self.own_name(account)
        if isinstance(name, CannotTell):
            return name
        query = {"fields": "id,text,username,timestamp", "limit": "100"}
        listed = await self._graph.listed_with_clock(account, place.edge, query, _COMMENTS)
        if isinstance(listed, CannotTell):
            return listed
        since, text = listed.since(intent.author_time), intent.content.parts[0]
        try:
            alike = [one for one in listed.rows if same(text_in(one, "text"), text)]
            own = [_dated(one) for one in alike if text_in(one, "username", needed=True) == name]
        except (KeyError, TypeError, ValueError) as error:
            return self._graph.unread(_COMMENTS, error)
        found = sorted(one for one in own if one[0] >= since)
        return Posted(place.address(found[0][1]), found[0][1]) if found else Absent()

    def _named(self, address: str) -> tuple[str, str] | None:
        """Return the code of the post that an address names, and the number of the comment above; None: no such one."""
        post = named_post("instagram", address, self._site)
        return (post.path[1], post.path[2] or "") if post is not None else None


def _dated(row: dict[str, Any]) -> tuple[datetime, str]:
    return time_in(row, "timestamp"), str(row["id"])
