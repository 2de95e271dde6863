"""Instagram, by its content publishing API (developers.facebook.com). Idempotency class D: a container, then its post.

There is no post without a picture: where a message has none, intake has drawn its words (``text_card``), and where the
author's pictures cannot be shown, so does this. Nothing can be deleted or edited by the API.
"""

from __future__ import annotations

from collections.abc import Mapping

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
    RetractResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.meta.base import Edges, MetaConnector, Surroundings, key_of
from services.fanout.connectors.meta.containers import Failed, Published, TwoSteps
from services.fanout.connectors.meta.graph import Page
from services.fanout.connectors.meta.pictures import Frame
from services.kernel.base.clock import Clock
from services.kernel.base.text_card import CannotDraw, text_card

_FRAME = Frame(narrow=0.8, broad=1.91)
_CARD = "a card with the text is in their place"


class InstagramConnector(MetaConnector):
    """Posts as professional accounts named by their number."""

    platform = "instagram"
    declaration = Declaration(WhenUnknown.LOOK, Correction.NEW_POST)
    _id_field = "user_id"

    def __init__(
        self, server: str, version: str, around: Surroundings, *, site: str, clock: Clock | None = None
    ) -> None:
        edges = Edges("caption", "media", "content_publishing_limit", site.rstrip("/"), "comments", ("media",))
        super().__init__(server, version, around, edges, TwoSteps("media", "media_publish", "status_code"), clock)

    async def _post(
        self, account: Page, intent: Intent, fetch_media: FetchMedia, standing: list[Status]
    ) -> PublishResult:
        result, note = await self._with_pictures(account, intent, fetch_media)
        if isinstance(result, Published) and not result.id:
            shown = await self._chain(account, intent)
            if isinstance(shown, CannotTell) or not shown:
                return Unknown("it is published, and the account's posts do not show it yet")
            return self._posted(shown, note)
        if not isinstance(result, Published):
            return result
        return self._posted(await self._known(account, [result.id]), note)

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
        shown = await self._around.pictures.shown(intent, fetch_media, _FRAME, account.deadline, problems)
        caption = {"caption": intent.content.parts[0]}
        if len(shown) == 1:
            return shown[0] | caption
        if not shown:
            return Permanent("; ".join(problems) or "there is no picture")
        children = await self._containers.children(account, shown, problems)
        if len(children) < 2:
            problems.append("further pictures are missing")
            return shown[0] | caption
        return {"media_type": "CAROUSEL", "children": ",".join(children)} | caption

    async def _chain(self, account: Page, intent: Intent) -> list[Status] | CannotTell:
        posts = await self._listed(account, self._edges.listing, intent.author_time)
        if isinstance(posts, CannotTell):
            return posts
        return longest_chain(intent.content.parts, posts, lambda post, part: same(post.text, part))

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Refuse: the API deletes nothing."""
        return Permanent("Instagram lets no program delete a post: delete it in the application")
