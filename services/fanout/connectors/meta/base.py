"""The common part of the connectors of Threads and Instagram: the way in, listings, looking, checking."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.events.authority import Profile
from services.fanout.connectors.answers import NOT_OURS, OTHER_TEXT, joined, not_let_in, not_seen, stopped
from services.fanout.connectors.calls.http import Outcome
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.chains import Status, same
from services.fanout.connectors.contract import (
    Absent,
    Altered,
    CannotTell,
    FetchMedia,
    Health,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReadBackResult,
    ReconcileResult,
    Retryable,
    Unknown,
)
from services.fanout.connectors.credentials.renewing import NewCredential, NotRenewed
from services.fanout.connectors.entering import enter_numbered
from services.fanout.connectors.fields import text_in, time_in
from services.fanout.connectors.inquiry import Inquiry
from services.fanout.connectors.listing import ProfilePost
from services.fanout.connectors.meta.account import AccountRules, checked, renewed
from services.fanout.connectors.meta.comparing import differences
from services.fanout.connectors.meta.containers import Containers, TwoSteps, key_of
from services.fanout.connectors.meta.graph import Graph, Page, error_code
from services.fanout.connectors.meta.pictures import PublicPictures
from services.fanout.connectors.meta.reading import ASKED_ABOUT, NEWEST, address_of
from services.fanout.connectors.one_at_a_time import CHECK_SECONDS, OneAtATime, unhealthy
from services.kernel.base.clock import Clock

_POSTS = "the account's posts"
NOT_THERE = 100
"""Meta's code for an object that does not exist, or that may not be seen."""


@dataclass(frozen=True)
class Surroundings:
    """Where a connector finds tokens, notes its containers (``notes``), and shows ``pictures`` to the platform."""

    token_path: Callable[[str], Path]
    notes: Path
    pictures: PublicPictures


@dataclass(frozen=True)
class Edges:
    """A platform's names: a post's text, the listing, how an address begins, what people answer.

    ``own``: the listings that hold all that the account publishes. ``answer_fields``: what is asked of an answer.
    ``threaded``: posts say what they answer.
    """

    text: str
    listing: str
    site: str
    answers: str
    own: tuple[str, ...]
    answer_fields: str
    threaded: bool = False


class MetaConnector(OneAtATime):
    """Posts as accounts named by their number, in two steps."""

    def __init__(
        self,
        server: str,
        version: str,
        around: Surroundings,
        names: tuple[Edges, TwoSteps, AccountRules],
        clock: Clock | None,
    ) -> None:
        self._edges, steps, self._rules = names
        self._around = around
        super().__init__(clock)
        self._graph = Graph(server, version, self._clock)
        self._containers = Containers(self._graph, around.notes, steps, self._clock)

    @abstractmethod
    async def _post(
        self, account: Page, intent: Intent, fetch_media: FetchMedia, existing: list[Status]
    ) -> PublishResult:
        """Post what does not stand yet."""

    @abstractmethod
    async def _chain(self, account: Page, intent: Intent) -> list[Status] | CannotTell:
        """Return the parts that stand, in order."""

    def _why_refused(self, intent: Intent) -> str | None:
        foreign = self.declaration.reply and intent.follows and not intent.follows.replace(",", "").isdigit()
        return super()._why_refused(intent) or (NOT_OURS.reason if foreign else None)

    async def _publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Post it; before a repeat, and where a container of it was noted, look what is there."""
        account = await self._enter(intent.profile, intent.call_timeout)
        return await self._publish_on(account, intent, fetch_media) if isinstance(account, Page) else account

    async def _publish_on(self, account: Page, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Post what does not stand yet. All calls for a message end with the account's one deadline."""
        existing: list[Status] = []
        if intent.repeat or self._containers.noted(key_of(intent, 0)):
            found = await self._chain(account, intent)
            if isinstance(found, CannotTell):
                return not_seen(found)
            existing = found
        if len(existing) == len(intent.content.parts):
            return self._posted(existing)
        return await self._post(account, intent, fetch_media, existing)

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Look for it among the account's own posts, or where it answers, since the request was made."""
        account = await self._enter(intent.profile, intent.call_timeout)
        return await self._look(account, intent) if isinstance(account, Page) else not_let_in(account)

    async def _look(self, account: Page, intent: Intent) -> ReconcileResult:
        found = await self._chain(account, intent)
        if isinstance(found, CannotTell):
            return found
        if len(found) == len(intent.content.parts):
            return self._posted(found)
        unseen = await self._published_unseen(account, intent, len(found))
        return unseen or Absent(begun=self._posted(found) if found else None)

    async def _published_unseen(self, account: Page, intent: Intent, number: int) -> CannotTell | None:
        """Ask for the container of a part that no post has the words of; None where that is not published."""
        said = await self._containers.published(account, key_of(intent, number))
        if said is True:
            return CannotTell("it is published, and the account's posts do not show it as it was approved")
        if isinstance(said, Outcome):
            return cannot_tell("the platform does not say whether it is published", said, self._clock)
        return None

    async def read_back(self, intent: Intent, remote_id: str) -> ReadBackResult:
        """Ask for each of its posts by its id, and compare the texts; Absent when one is gone."""
        account = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(account, Page):
            return not_let_in(account)
        shown: list[dict[str, Any]] = []
        for one in remote_id.split(","):
            found = await self._row(account, one, compared=True) if one.isdigit() else CannotTell("that is no id here")
            if not isinstance(found, dict):
                return found
            shown.append(found)
        altered = differences(shown, intent, self._edges.text, threaded=self._edges.threaded)
        return Altered(altered) if altered else self._posted([self._status(one) for one in shown])

    async def check(self, profile: Profile) -> Health:
        """Ask whose token it is, what it may do, and how many posts are left today."""
        account = await self._enter(profile, CHECK_SECONDS)
        return await checked(self._graph, account, self._rules) if isinstance(account, Page) else unhealthy(account)

    async def renew(self, profile: Profile) -> NewCredential | NotRenewed:
        """Get a token that ends later, and see that it opens the account."""
        account = await self._enter(profile, CHECK_SECONDS)
        if not isinstance(account, Page):
            return NotRenewed(account.reason)
        return await renewed(self._graph, account, self._rules, self._clock)

    async def inquiries(self, profile: Profile, since: datetime) -> list[Inquiry] | CannotTell:
        """Return what people wrote under the account's newest posts."""
        account = await self._enter(profile, CHECK_SECONDS)
        if not isinstance(account, Page):
            return not_let_in(account)
        posts = await self._listed(account, self._edges.listing, since - ASKED_ABOUT)
        if isinstance(posts, CannotTell):
            return posts
        found: list[Inquiry] = []
        for post in sorted(posts, key=lambda one: one.created_at, reverse=True)[:NEWEST]:
            answers = await self._answers(account, profile.id, post)
            if isinstance(answers, CannotTell):
                return answers
            found += [one for one in answers if one.at >= since]
        return found

    async def _answers(self, account: Page, profile: str, post: Status) -> list[Inquiry] | CannotTell:
        query = {"fields": self._edges.answer_fields, "limit": "100"}
        outcome = await self._graph.call(account, "GET", f"/{post.id}/{self._edges.answers}", query=query)
        body = json_of(outcome)
        try:
            return [one for row in body["data"] for one in self._asked_in(row, profile, post)]
        except (KeyError, TypeError, ValueError, AttributeError):
            return cannot_tell("the platform does not list what people answered", outcome, self._clock)

    @abstractmethod
    def _asked_in(self, row: Any, profile: str, post: Status) -> list[Inquiry]:
        """Return what people asked in a row of the answers."""

    async def close(self) -> None:
        """Close all connections."""
        await self._graph.close()

    async def _enter(self, profile: Profile, seconds: float) -> Page | Retryable | Permanent:
        return await enter_numbered(profile, self._around.token_path, seconds, Page, "an account")

    async def _one(self, account: Page, post: str) -> Status | Absent | CannotTell:
        found = await self._row(account, post)
        return self._status(found) if isinstance(found, dict) else found

    async def _row(self, account: Page, post: str, *, compared: bool = False) -> dict[str, Any] | Absent | CannotTell:
        more = ",media_type,children" + ",replied_to" * self._edges.threaded if compared else ""
        outcome = await self._graph.call(account, "GET", f"/{post}", query={"fields": self._fields + more})
        if error_code(outcome) == NOT_THERE:
            return Absent()
        body = json_of(outcome)
        try:
            stands = self._status(body).id == post
        except (KeyError, TypeError, ValueError, AttributeError, LookupError):
            stands = False
        if not stands or not isinstance(body, dict):
            return cannot_tell("the platform does not say whether it is there", outcome, self._clock)
        return body

    @property
    def _fields(self) -> str:
        return f"id,{self._edges.text},timestamp,permalink"

    async def _listed(self, account: Page, edge: str, made_at: datetime, more: str = "") -> list[Status] | CannotTell:
        """Return an account's posts since a request was made by our clock, whichever of the two is wrong."""
        query = {"fields": self._fields + more, "limit": "100"}
        listed = await self._graph.listed_since(account, f"/{account.id}/{edge}", query, _POSTS, made_at)
        if isinstance(listed, CannotTell):
            return listed
        try:
            found = [self._status(one) for one in listed.rows]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return self._graph.unread(_POSTS, error)
        return [one for one in found if one.created_at >= listed.since(made_at)]

    async def posts_of(self, profile: Profile, since: datetime) -> list[ProfilePost] | CannotTell:
        """Return what the account has published since a time, its answers to others too where they are listed apart."""
        account = await self._enter(profile, CHECK_SECONDS)
        if not isinstance(account, Page):
            return not_let_in(account)
        query = {"fields": self._fields, "limit": "100", "since": str(int(since.timestamp()))}
        found: list[ProfilePost] = []
        for edge in self._edges.own:
            rows = await self._graph.listed(account, f"/{account.id}/{edge}", query, _POSTS)
            if isinstance(rows, CannotTell):
                return rows
            try:
                posts = [(self._status(one), one) for one in rows]
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                return self._graph.unread(_POSTS, error)
            found += [ProfilePost(one.id, one.url, one.created_at, one.text, row) for one, row in posts]
        return [one for one in found if one.at >= since]

    def _status(self, value: Any) -> Status:
        """Read a post; raises KeyError, TypeError, ValueError or AttributeError."""
        if not str(value["id"]).isdigit():
            raise ValueError("an id that cannot be used")
        url = address_of(value, self._edges.site)
        above = value.get("replied_to")
        under = None if above is None else text_in(above, "id", needed=True)
        made = time_in(value, "timestamp")
        return Status(str(value["id"]), url, made, text_in(value, self._edges.text), under)

    async def _known(self, account: Page, ids: list[str]) -> list[Status]:
        """Return posts that were made a moment ago; one that is not shown yet has no address."""
        shown = [await self._one(account, one) for one in ids[:1]]
        first = shown[0]
        known = first if isinstance(first, Status) else Status(ids[0], "", self._clock.now(), "", None)
        return [known, *(replace(known, id=one) for one in ids[1:])]

    async def _made(self, account: Page, intent: Intent, ids: list[str], note: str) -> Posted:
        """Say what was made, and whether the first post is shown as it was approved, where it is shown yet."""
        found = await self._known(account, ids)
        differs = bool(found[0].url) and not same(found[0].text, intent.content.parts[0])
        return self._posted(found, joined(note, OTHER_TEXT * differs))

    def _posted(self, found: list[Status], note: str = "") -> Posted:
        return Posted(found[0].url or self._edges.site, ",".join(one.id for one in found), note)

    def _gave_up(
        self, intent: Intent, found: list[Status], result: Retryable | Permanent | Unknown
    ) -> Retryable | Permanent | Unknown:
        """Say what a part that was not taken means; what is before it is named."""
        begun = self._posted(found) if found else None
        return stopped(result, begun, len(found), len(intent.content.parts))
