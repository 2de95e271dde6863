"""Instagram, by its content publishing API (developers.facebook.com). Idempotency class D: a container, then its post.

There is no post without a picture: where a message has none, intake has drawn its words (``text_card``), and where the
author's pictures cannot be shown, so does this. Nothing can be deleted or edited by the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.events.authority import Profile
from services.fanout.connectors.answers import answered, not_let_in
from services.fanout.connectors.chains import Status, longest_chain, same
from services.fanout.connectors.contract import (
    CannotTell,
    Cause,
    Correction,
    Declaration,
    FetchMedia,
    Intent,
    Permanent,
    PublishResult,
    ReadBackResult,
    ReconcileResult,
    RetractResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.inquiry import Inquiry
from services.fanout.connectors.instagram.comments import Comments
from services.fanout.connectors.meta.account import AccountRules
from services.fanout.connectors.meta.base import Edges, MetaConnector, Surroundings
from services.fanout.connectors.meta.containers import Failed, Published, TwoSteps, key_of
from services.fanout.connectors.meta.graph import Page
from services.fanout.connectors.meta.pictures import Frame
from services.fanout.connectors.meta.reading import answer_of
from services.fanout.connectors.one_at_a_time import CHECK_SECONDS
from services.kernel.base.clock import Clock
from services.kernel.base.text_card import CannotDraw, text_card

_FRAME = Frame(narrow=0.8, broad=1.91)
_COMMENT = "id,text,username,timestamp,replies{id,text,username,timestamp}"
_CARD = "a card with the text is in their place"


class InstagramConnector(MetaConnector):
    """Posts as professional accounts named by their number."""

    platform = "instagram"
    declaration = Declaration(WhenUnknown.LOOK, Correction.NEW_POST, answers=True)

    def __init__(
        self, server: str, version: str, around: Surroundings, *, site: str, clock: Clock | None = None
    ) -> None:
        edges = Edges(
            text="caption",
            listing="media",
            site=site.rstrip("/"),
            answers="comments",
            own=("media",),
            answer_fields=_COMMENT,
        )
        # Meta documents no call that says what a token of Instagram's own login may do: a lack shows as an answer.
        rules = AccountRules("user_id", "content_publishing_limit", "ig_refresh_token")
        names = edges, TwoSteps("media", "media_publish", "status_code", "status"), rules
        super().__init__(server, version, around, names, clock)
        self._comments = Comments(self._graph, edges.site, self._clock)

    async def _publish_on(self, account: Page, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        if answered(intent):
            return await self._comments.publish(account, intent)
        return await super()._publish_on(account, intent, fetch_media)

    async def _look(self, account: Page, intent: Intent) -> ReconcileResult:
        if answered(intent):
            return await self._comments.reconcile(account, intent)
        return await super()._look(account, intent)

    async def read_back(self, intent: Intent, remote_id: str) -> ReadBackResult:
        """Ask for the post or the comment by its id, and compare it; Absent when there is none."""
        if not answered(intent):
            return await super().read_back(intent, remote_id)
        account = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(account, Page):
            return not_let_in(account)
        return await self._comments.read_back(account, intent, remote_id)

    async def inquiries(self, profile: Profile, since: datetime) -> list[Inquiry] | CannotTell:
        """Return what people commented under the account's newest posts."""
        found = await super().inquiries(profile, since)
        account = await self._enter(profile, CHECK_SECONDS) if found and not isinstance(found, CannotTell) else None
        if account is None or isinstance(found, CannotTell):
            return found
        name = await self._comments.own_name(account) if isinstance(account, Page) else not_let_in(account)
        return [one for one in found if one.author != name] if isinstance(name, str) else name

    def _asked_in(self, row: Any, profile: str, post: Status) -> list[Inquiry]:
        """A comment has no address in the API: people see it at one under its post's, with its number."""
        above = f"{post.url.rstrip('/')}/c/{row['id']}/" if post.url else ""
        replies = (row.get("replies") or {}).get("data") or []
        found = [(row, above), *((one, f"{above}r/{one['id']}/" if above else "") for one in replies)]
        return [answer_of(one, profile, post.id, url) for one, url in found]

    async def _post(
        self, account: Page, intent: Intent, fetch_media: FetchMedia, existing: list[Status]
    ) -> PublishResult:
        result, note = await self._with_pictures(account, intent, fetch_media)
        if isinstance(result, Published) and not result.id:
            shown = await self._chain(account, intent)
            if isinstance(shown, CannotTell) or not shown:
                return Unknown("it is published, and the account's posts do not show it yet")
            return self._posted(shown, note)
        if not isinstance(result, Published):
            return result
        return await self._made(account, intent, [result.id], note)

    async def _with_pictures(
        self, account: Page, intent: Intent, fetch_media: FetchMedia
    ) -> tuple[Published | Failed, str]:
        problems: list[str] = []
        key, text = key_of(intent, 0), intent.content.parts[0]

        async def theirs() -> Mapping[str, str] | Failed:
            return await self._pictures(account, intent, fetch_media, problems)

        async def card() -> Mapping[str, str] | Failed:
            try:
                drawn = text_card(text)
            except CannotDraw as error:
                return Permanent(f"there is no picture, and the text cannot be drawn: {error}")
            url = await self._around.pictures.show_bytes(drawn, _FRAME)
            return {"image_url": url, "alt_text": text[:1_000], "caption": text}

        result = await self._containers.publish(account, key, theirs)
        if isinstance(result, Permanent) or (isinstance(result, Retryable) and result.cause is Cause.OWN):
            given = [one for one in intent.content.pictures if one.alt != text]
            second = await self._containers.publish(account, key, card)
            if isinstance(second, Published):
                said = "; ".join(problems) or result.reason
                return second, f"the pictures are missing ({said}): {_CARD}" if given else ""
            return second, ""
        return result, "; ".join(problems)

    async def _pictures(
        self, account: Page, intent: Intent, fetch_media: FetchMedia, problems: list[str]
    ) -> Mapping[str, str] | Failed:
        """Return what a container is made of: one picture, or several that were prepared before."""
        problems.clear()
        shown = await self._around.pictures.shown(intent, fetch_media, _FRAME, account.deadline, problems)
        caption = {"caption": intent.content.parts[0]}
        if len(shown) > 1:
            children = await self._containers.children(account, shown, problems)
            if len(children) > 1:
                return {"media_type": "CAROUSEL", "children": ",".join(name for name, _ in children)} | caption
            shown = [one for _, one in children] or shown[:1]
        return shown[0] | caption if shown else Permanent("; ".join(problems) or "there is no picture")

    async def _chain(self, account: Page, intent: Intent) -> list[Status] | CannotTell:
        posts = await self._listed(account, self._edges.listing, intent.author_time)
        if isinstance(posts, CannotTell):
            return posts
        return longest_chain(intent.content.parts, posts, lambda post, part: same(post.text, part))

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Refuse: the API deletes nothing."""
        return Permanent("Instagram lets no program delete a post: delete it in the application")
