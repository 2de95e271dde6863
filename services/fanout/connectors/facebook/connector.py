"""Facebook Pages by the Graph API. Idempotency class E: no key is known, and an error may have published.

So the Page's own posts are looked at before every repeat, and after every call that was not answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from schemas.events.authority import Profile
from services.fanout.connectors.answers import GONE, answered, not_let_in, not_seen
from services.fanout.connectors.calls.http import Answer, Outcome
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.chains import same
from services.fanout.connectors.contract import (
    Absent,
    Altered,
    CannotTell,
    Cause,
    Correction,
    Declaration,
    FetchMedia,
    Health,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReadBackResult,
    ReconcileResult,
    Retracted,
    RetractResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.entering import enter_numbered
from services.fanout.connectors.facebook import listing
from services.fanout.connectors.facebook.comments import Question, not_own, own_comments, question_of
from services.fanout.connectors.facebook.comparing import OF_COMMENT, OF_POST, differences
from services.fanout.connectors.facebook.listing import POST_ID
from services.fanout.connectors.facebook.sending import DUPLICATE, is_refused, send, send_again, upload
from services.fanout.connectors.inquiry import Inquiry
from services.fanout.connectors.listing import ProfilePost
from services.fanout.connectors.meta.account import granted, missing
from services.fanout.connectors.meta.graph import Graph, Page, error_code, text_of
from services.fanout.connectors.meta.reading import ASKED_ABOUT, NEWEST, comment_of
from services.fanout.connectors.one_at_a_time import CHECK_SECONDS, OneAtATime, unhealthy

_REMEMBERED = 1_024
"""Repeats that were refused as duplicates and were not shown: so many keys are known to this process."""
_NOT_THERE = 100
"""Meta's code for an object that does not exist, or that may not be seen."""

RIGHTS = ("pages_manage_posts", "pages_read_engagement")
"""What a token must be allowed to post and to look at what is there. Meta may tell it to the application alone."""


class FacebookConnector(OneAtATime):
    """Posts as Pages named by their number (the account), with each Page's own token."""

    platform = "facebook"
    declaration = Declaration(WhenUnknown.LOOK, Correction.NEW_POST, delete=True, answers=True)

    def __init__(self, server: str, version: str, token_path: Callable[[str], Path], *, site: str) -> None:
        self._token_path = token_path
        self._site = site.rstrip("/")
        super().__init__()
        self._graph = Graph(server, version, self._clock)
        self._said_twice: dict[str, str] = {}

    # --- publish ----------------------------------------------------------------------------------------------

    async def _publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Look whether it is there, upload its pictures unpublished, and post it with them."""
        page = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(page, Page):
            return page
        place = await self._place(page, intent)
        if isinstance(place, Retryable | Permanent):
            return place
        found = await self._find(page, intent, place)
        if isinstance(found, Posted):
            return found
        if isinstance(found, CannotTell):
            return not_seen(found)
        text = intent.content.parts[0]
        photos, note = await upload(self._graph, page, intent, fetch_media)
        first = outcome = await send(self._graph, page, place, text, photos)
        if photos and is_refused(self._graph, outcome):
            outcome = await send_again(self._graph, page, place, text, photos)
        if photos and is_refused(self._graph, outcome):
            found = await self._find(page, intent, place)
            if not isinstance(found, Absent):
                return not_seen(found) if isinstance(found, CannotTell) else found
            note = f"the pictures are missing: {self._graph.meaning(first).reason}"
            outcome = await send(self._graph, page, place, text, [])
        repeat = intent.repeat or outcome is not first
        return await self._concluded(page, replace(intent, repeat=repeat), place, outcome, note)

    async def _concluded(
        self, page: Page, intent: Intent, place: Question | None, outcome: Outcome, note: str
    ) -> PublishResult:
        """Say what the answer to a post means."""
        post_id = text_of(outcome, "id")
        if POST_ID.fullmatch(post_id):
            return self._posted(page, post_id, note)
        result = self._graph.meaning(outcome)
        if error_code(outcome) != DUPLICATE:
            return result
        # It may be this very message, which the listing did not show yet: only what it shows is a receipt.
        found = await self._find(page, intent, place)
        if isinstance(found, Posted):
            return found
        if isinstance(found, CannotTell):
            return Unknown(f"it is a duplicate, and the Page's posts cannot be seen: {found.reason}", found.cause)
        if not intent.repeat:
            return result
        # Whose else should it be? A later look that does not find it is none that it is not there.
        self._said_twice[intent.idempotency_key] = f"the platform has it and does not show it: {result.reason}"
        if len(self._said_twice) > _REMEMBERED:
            del self._said_twice[next(iter(self._said_twice))]
        return Unknown(self._said_twice[intent.idempotency_key])

    # --- reconcile, retract, check ----------------------------------------------------------------------------

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Look for it among the Page's own posts since the request was made."""
        page = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(page, Page):
            return not_let_in(page)
        return await self._look(page, intent)

    async def read_back(self, intent: Intent, remote_id: str) -> ReadBackResult:
        """Ask for the post by its id, and compare it; Absent when the platform says that there is none."""
        page = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(page, Page):
            return not_let_in(page)
        if not POST_ID.fullmatch(remote_id):
            return CannotTell("that is not an id of this platform")
        fields = OF_POST if remote_id.startswith(f"{page.id}_") else OF_COMMENT
        outcome = await self._graph.call(page, "GET", f"/{remote_id}", query={"fields": fields})
        if error_code(outcome) == _NOT_THERE:
            return Absent()
        if text_of(outcome, "id") != remote_id or not isinstance(outcome, Answer):
            return cannot_tell("the platform does not say whether it is there", outcome, self._clock)
        try:
            altered = differences(outcome.body, intent.content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return self._graph.unread("the post's pictures", error)
        return Altered(altered) if altered else self._posted(page, remote_id)

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Delete it. Without a ``remote_id`` it is looked for."""
        page = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(page, Page):
            return page
        if not remote_id:
            found = await self._look(page, intent)
            if not isinstance(found, Posted):
                return Retracted() if isinstance(found, Absent) else Unknown(found.reason)
            remote_id = found.remote_id
        # A comment's id begins with the number of whoever wrote above it, so its author is asked for before.
        own = remote_id.startswith(f"{page.id}_")
        if not POST_ID.fullmatch(remote_id) or not (own or answered(intent)):
            return Permanent("that is not a post of this Page")
        if not own and (refused := await not_own(self._graph, page, remote_id)):
            return refused
        outcome = await self._graph.call(page, "DELETE", f"/{remote_id}")
        done = isinstance(outcome, Answer) and isinstance(outcome.body, dict) and outcome.body.get("success") is True
        if not done and error_code(outcome) == _NOT_THERE:
            # Meta says the same of what may not be touched: only its absence from the listing shows that it is gone.
            done = isinstance(await self._look(page, intent), Absent)
            if not done:
                return Unknown("the platform says that there is no such post, and does not show that it is gone")
        if not done:
            return self._graph.meaning(outcome)
        self._said_twice.pop(intent.idempotency_key, None)
        self._flights.forget(intent)
        return Retracted()

    async def check(self, profile: Profile) -> Health:
        """Ask whose token it is (GET /me): a Page's token answers with the Page; and its rights, where Meta says."""
        page = await self._enter(profile, CHECK_SECONDS)
        if not isinstance(page, Page):
            return unhealthy(page)
        outcome = await self._graph.call(page, "GET", "/me", query={"fields": "id,name,about,website"})
        told = text_of(outcome, "id")
        if not told:
            return unhealthy(self._graph.meaning(outcome))
        if told != page.id:
            return Health(False, "the token is not this Page's", Cause.OWN)
        if lacking := missing(RIGHTS, await granted(self._graph, page)):
            return Health(False, f"the token lacks the rights {', '.join(lacking)}", Cause.OWN)
        shows = " ".join(text_of(outcome, one) for one in ("name", "about", "website"))
        return Health(True, f"{text_of(outcome, 'name') or page.id} can be posted to", shows=shows)

    async def inquiries(self, profile: Profile, since: datetime) -> list[Inquiry] | CannotTell:
        """Return what people wrote under the Page's newest posts."""
        page = await self._enter(profile, CHECK_SECONDS)
        if not isinstance(page, Page):
            return not_let_in(page)
        posts = await listing.posts_of(self._graph, page, self._site, since - ASKED_ABOUT)
        if isinstance(posts, CannotTell):
            return posts
        found: list[Inquiry] = []
        for post in sorted(posts, key=lambda one: one.at, reverse=True)[:NEWEST]:
            query = {"fields": "id,message,from,created_time,permalink_url", "filter": "stream", "limit": "100"}
            rows = await self._graph.listed(page, f"/{post.id}/comments", query, "what people commented")
            if isinstance(rows, CannotTell):
                return rows
            try:
                comments = [comment_of(one, profile.id, post.id, page.id, self._site) for one in rows]
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                return self._graph.unread("what people commented", error)
            found += [one for one in comments if one is not None and one.at >= since]
        return found

    async def close(self) -> None:
        """Close all connections."""
        await self._graph.close()

    # --- the way in -------------------------------------------------------------------------------------------

    async def _enter(self, profile: Profile, seconds: float) -> Page | Retryable | Permanent:
        return await enter_numbered(profile, self._token_path, seconds, Page, "a Page")

    async def _place(self, page: Page, intent: Intent) -> Question | Retryable | Permanent | None:
        """Return what the message answers; None: nothing, it is there among the Page's posts."""
        return await question_of(self._graph, page, intent, self._site) if answered(intent) else None

    async def _look(self, page: Page, intent: Intent) -> Posted | Absent | CannotTell:
        place = await self._place(page, intent)
        if place == GONE:
            return Absent()  # what stood under it went with it
        if isinstance(place, Retryable | Permanent):
            return not_let_in(place)
        found = await self._find(page, intent, place)
        twice = self._said_twice.get(intent.idempotency_key)
        return CannotTell(twice) if twice and isinstance(found, Absent) else found

    async def _find(self, page: Page, intent: Intent, place: Question | None) -> Posted | Absent | CannotTell:
        """Look through the Page's own words there since the request was made; the oldest that are the same are it."""
        made_at, text = intent.author_time, intent.content.parts[0]
        if place is not None:
            found = await own_comments(self._graph, page, place, text, made_at)
        else:
            posts = await listing.posts_since(self._graph, page, self._site, made_at)
            if isinstance(posts, CannotTell):
                return posts
            found = [name for _, name in sorted((one.at, one.id) for one in posts if same(one.text, text))]
        if isinstance(found, CannotTell):
            return found
        return self._posted(page, found[0]) if found else Absent()

    async def posts_of(self, profile: Profile, since: datetime) -> list[ProfilePost] | CannotTell:
        """Return what the Page has published since a time."""
        page = await self._enter(profile, CHECK_SECONDS)
        if not isinstance(page, Page):
            return not_let_in(page)
        return await listing.posts_of(self._graph, page, self._site, since)

    def _posted(self, page: Page, post_id: str, note: str = "") -> Posted:
        """Say where it is: a post's id begins with the Page's number, a comment's with that of the post above."""
        above, _, number = post_id.partition("_")
        own = above == page.id
        place = f"posts/{number}" if own else f"posts/{above}?comment_id={number}"
        return Posted(f"{self._site}/{page.id}/{place}", post_id, note)
