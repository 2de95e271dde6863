"""Threads (developers.facebook.com/docs/threads). Idempotency class D: a container is made, then published.

A call that was not answered may take minutes to post: nothing is made again before the container says how it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.fanout.connectors.answers import not_let_in
from services.fanout.connectors.calls.outcomes import fields_of
from services.fanout.connectors.chains import Status, longest_chain, same
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Cause,
    Correction,
    Declaration,
    FetchMedia,
    Intent,
    Permanent,
    PublishResult,
    ReconcileResult,
    Retracted,
    RetractResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.inquiry import Inquiry
from services.fanout.connectors.meta.account import AccountRules
from services.fanout.connectors.meta.base import NOT_THERE, Edges, MetaConnector, Surroundings
from services.fanout.connectors.meta.codes import meaning
from services.fanout.connectors.meta.containers import Failed, Published, TwoSteps, key_of
from services.fanout.connectors.meta.graph import Page, error_code
from services.fanout.connectors.meta.pictures import Frame
from services.fanout.connectors.meta.reading import address_of, answer_of
from services.fanout.connectors.threads.answering import post_at
from services.kernel.base.clock import Clock

_FRAME = Frame(narrow=0.1, broad=10.0)
_ANSWER = "id,text,username,timestamp,permalink,is_reply_owned_by_me"
_SHOWN_SECONDS = 1.0
"""When a part is tried again whose answer to the one before it was refused, as that was not shown yet."""

RIGHTS = (
    "threads_basic",
    "threads_content_publish",
    "threads_manage_replies",
    "threads_read_replies",
    "threads_delete",
)
"""What a token must be allowed."""

ABOUT = ("name", "threads_biography")


class ThreadsConnector(MetaConnector):
    """Posts as accounts named by the number that the Threads API gives them."""

    platform = "threads"
    declaration = Declaration(WhenUnknown.LOOK, Correction.REPLY, delete=True, reply=True, answers=True)

    def __init__(
        self, server: str, version: str, around: Surroundings, *, site: str, clock: Clock | None = None
    ) -> None:
        edges = Edges(
            text="text",
            listing="threads",
            site=site.rstrip("/"),
            answers="conversation",
            own=("threads", "replies"),
            answer_fields=_ANSWER,
            threaded=True,
        )
        rules = AccountRules("id", "threads_publishing_limit", "th_refresh_token", RIGHTS, ABOUT)
        names = edges, TwoSteps("threads", "threads_publish", "status", "error_message"), rules
        super().__init__(server, version, around, names, clock)

    async def _publish_on(self, account: Page, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        asked = await self._asked(account, intent)
        if isinstance(asked, Intent):
            return await super()._publish_on(account, asked, fetch_media)
        if isinstance(asked, Permanent) and (intent.repeat or self._containers.noted(key_of(intent, 0))):
            # An answer outlives what it answers.
            left = await self._left_behind(account, intent)
            return asked if isinstance(left, Absent) else Unknown(f"{asked.reason}; {left.reason}", left.cause)
        return asked

    async def _look(self, account: Page, intent: Intent) -> ReconcileResult:
        asked = await self._asked(account, intent)
        if isinstance(asked, Intent):
            return await super()._look(account, asked)
        return await self._left_behind(account, intent) if isinstance(asked, Permanent) else not_let_in(asked)

    async def _asked(self, account: Page, intent: Intent) -> Intent | Retryable | Permanent:
        """Return an intent with the number of the post whose address it answers; as it is where it answers none."""
        address = intent.content.answers
        if address is None or intent.follows:
            return intent
        site, before = self._edges.site, intent.author_time
        found = await post_at(self._graph, account, address, site=site, before=before)
        return replace(intent, follows=found) if isinstance(found, str) else found

    async def _left_behind(self, account: Page, intent: Intent) -> Absent | CannotTell:
        """Look for an answer whose question is not shown any more: the words alone do not say that it is this one."""
        own = await self._listed(account, "replies", intent.author_time)
        if isinstance(own, CannotTell):
            return own
        if any(same(one.text, intent.content.parts[0]) for one in own):
            return CannotTell("an answer with these words stands, and not under a post that is shown")
        return await self._published_unseen(account, intent, 0) or Absent()

    async def _post(
        self, account: Page, intent: Intent, fetch_media: FetchMedia, existing: list[Status]
    ) -> PublishResult:
        ids, note = [one.id for one in existing], ""
        for number in range(len(existing), len(intent.content.parts)):
            under = ids[-1] if ids else intent.follows.partition(",")[0]
            result, said = await self._part(account, intent, fetch_media, number, under)
            note = note or said
            if isinstance(result, Published) and not result.id:
                shown = await self._chain(account, intent)
                if isinstance(shown, CannotTell) or len(shown) <= number:
                    return Unknown("it is published, and the account's posts do not show it yet")
                result = Published(shown[number].id)
            if isinstance(result, Permanent) and result.gone:
                result = await self._not_there(account, result, under if ids else "", new=number > len(existing))
            if not isinstance(result, Published):
                return self._gave_up(intent, await self._known(account, ids) if ids else [], result)
            ids.append(result.id)
        return await self._made(account, intent, ids, note)

    async def _not_there(self, account: Page, why: Permanent, before: str, *, new: bool) -> Retryable | Permanent:
        """Say what it means that Threads does not find what a part answers: it may not show the part before it yet.

        ``before``: the part before it, empty for the first one; ``new``: this call has made it.
        """
        stands = before and (new or not isinstance(await self._one(account, before), Absent))
        if stands:
            return Retryable(f"the part before it is not shown yet: {why.reason}", after=_SHOWN_SECONDS)
        return replace(why, gone=False)  # of an earlier message's post: it is asked for whether that is gone

    async def _part(
        self, account: Page, intent: Intent, fetch_media: FetchMedia, number: int, under: str
    ) -> tuple[Published | Failed, str]:
        """Publish one part, the first with the pictures; what its pictures keep from being posted goes without."""
        problems: list[str] = []
        text = {"text": intent.content.parts[number]} | ({"reply_to_id": under} if under else {})

        async def with_pictures() -> Mapping[str, str] | Failed:
            return text | await self._pictures(account, intent, fetch_media, problems)

        async def alone() -> Mapping[str, str] | Failed:
            return text | {"media_type": "TEXT"}

        if number or not intent.content.pictures:
            return _of_words(await self._containers.publish(account, key_of(intent, number), alone)), ""
        result = await self._containers.publish(account, key_of(intent, number), with_pictures)
        if isinstance(result, Permanent) or (isinstance(result, Retryable) and result.cause is Cause.OWN):
            problems[:] = [f"the pictures are missing: {result.reason}"]
            result = _of_words(await self._containers.publish(account, key_of(intent, number), alone))
        return result, "; ".join(problems)

    async def _pictures(
        self, account: Page, intent: Intent, fetch_media: FetchMedia, problems: list[str]
    ) -> dict[str, str]:
        """Return what a container says of the pictures, and note which are missing."""
        problems.clear()
        given = await self._around.pictures.shown(intent, fetch_media, _FRAME, account.deadline, problems)
        shown = [{"media_type": "IMAGE", **one} for one in given]
        if len(shown) > 1:
            children = await self._containers.children(account, shown, problems)
            if len(children) > 1:
                return {"media_type": "CAROUSEL", "children": ",".join(name for name, _ in children)}
            shown = [one for _, one in children] or shown[:1]
        return shown[0] if shown else {"media_type": "TEXT"}

    def _asked_in(self, row: Any, profile: str, post: Status) -> list[Inquiry]:
        own = row.get("is_reply_owned_by_me") is True
        return [] if own else [answer_of(row, profile, post.id, address_of(row, self._edges.site))]

    async def _chain(self, account: Page, intent: Intent) -> list[Status] | CannotTell:
        posts = await self._listed(account, self._edges.listing, intent.author_time)
        if isinstance(posts, CannotTell):
            return posts
        answers = intent.follows.partition(",")[0] or None
        if answers or len(intent.content.parts) > 1:
            replies = await self._listed(account, "replies", intent.author_time, ",replied_to")
            if isinstance(replies, CannotTell):
                return replies
            posts += replies
        return longest_chain(intent.content.parts, posts, lambda post, part: same(post.text, part), answers)

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Delete all its parts, the last first (100 deletions a day). Without a ``remote_id`` it is looked for."""
        account = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(account, Page):
            return account
        ids = remote_id.split(",") if remote_id else []
        if not ids:
            asked = await self._asked(account, intent)
            look = self._chain(account, asked) if isinstance(asked, Intent) else self._left_behind(account, intent)
            found = await look
            if found == [] and isinstance(asked, Intent):
                found = await self._published_unseen(account, asked, 0) or found
            if isinstance(found, CannotTell):
                return Unknown(found.reason)
            ids = [one.id for one in found] if isinstance(found, list) else []
        if not all(one.isdigit() for one in ids):
            return Permanent("that is not an id of this platform")
        for one in reversed(ids):
            outcome = await self._graph.call(account, "DELETE", f"/{one}")
            body = fields_of(outcome)
            # Meta says the same of what may not be touched: only asking for it shows that it is gone.
            gone = error_code(outcome) == NOT_THERE and isinstance(await self._one(account, one), Absent)
            if body.get("success") is not True and not gone:
                return meaning(self._graph, outcome)
        for number in range(len(intent.content.parts)):
            self._containers.forget(key_of(intent, number))
        self._flights.forget(intent)
        return Retracted()


def _of_words(result: Published | Failed) -> Published | Failed:
    """Return what became of words alone: no credential and no website of ours mends what keeps them from being made."""
    ours = isinstance(result, Retryable) and result.cause is Cause.OWN
    return replace(result, cause=Cause.LIMIT) if ours and isinstance(result, Retryable) else result
