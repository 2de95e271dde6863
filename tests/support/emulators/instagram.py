"""Instagram's content publishing API (developers.facebook.com), as a professional account that posts meets it."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from aiohttp import web

from tests.support.emulators.base import Post, Refused
from tests.support.emulators.meta import MetaEmulator

_HASHTAG = re.compile(r"#\w")
_KNOWN = {"media_type", "caption", "image_url", "alt_text", "is_carousel_item", "children"}


class InstagramEmulator(MetaEmulator):
    """A picture for each post; JPEG, from 4:5 to 1.91:1; 2,200 characters and 30 hashtags; nothing is deleted."""

    document: ClassVar = "instagram"

    VERSION: ClassVar = "v24.0"
    create_edge: ClassVar = "media"
    publish_edge: ClassVar = "media_publish"
    quota_edge: ClassVar = "content_publishing_limit"
    status_field: ClassVar = "status_code"
    text_field: ClassVar = "caption"
    rights: ClassVar = ("instagram_business_basic", "instagram_business_content_publish")
    exchange: ClassVar = "ig_exchange_token"
    refresh: ClassVar = "ig_refresh_token"

    def shorter(self, token: str, granted: tuple[str, ...]) -> dict[str, Any]:
        said = {"access_token": token, "user_id": self.logins.account, "permissions": ",".join(granted)}
        return {"data": [said]}

    async def check_values(self, values: dict[str, Any]) -> None:
        if not set(values) <= _KNOWN or len(values.get("alt_text", "")) > 1_000:
            raise Refused("invalid")
        if "image_url" not in values and values.get("media_type") != "CAROUSEL":
            raise Refused("invalid")
        caption = values.get("caption", "")
        if len(caption) > 2_200 or len(_HASHTAG.findall(caption)) > 30:
            raise Refused("too_long")

    async def delete(self, request: web.Request) -> web.Response:
        raise Refused("invalid")

    def permalink(self, post: Post) -> str:
        return f"https://www.instagram.com/p/C{post.id}/"

    def check_ratio(self, ratio: float) -> None:
        if not 0.799 <= ratio <= 1.911:
            raise Refused("ratio")
