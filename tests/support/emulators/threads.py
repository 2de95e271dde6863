"""The Threads API (developers.facebook.com/docs/threads), as an account that posts meets it."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import regex

from tests.support.emulators.base import Post, Refused
from tests.support.emulators.meta import MetaEmulator

_LINK = re.compile(r"https?://\S+")
_EMOJI = regex.compile(r"\p{Emoji_Presentation}")
_KNOWN = {"media_type", "text", "image_url", "alt_text", "reply_to_id", "is_carousel_item", "children"}


class ThreadsEmulator(MetaEmulator):
    """500 characters, emoji as their bytes; at most 5 links; replies; deletions."""

    document: ClassVar = "threads"

    async def check_values(self, values: dict[str, Any]) -> None:
        if not set(values) <= _KNOWN or values.get("media_type") not in ("TEXT", "IMAGE", "CAROUSEL"):
            raise Refused("invalid")
        text = values.get("text", "")
        counted = sum(len(letter.encode()) if _EMOJI.match(letter) else 1 for letter in text)
        if counted > 500:
            raise Refused("too_long")
        if len(set(_LINK.findall(text))) > 5 or (values["media_type"] == "TEXT" and not text):
            raise Refused("invalid")

    def permalink(self, post: Post) -> str:
        return f"https://www.threads.com/@city{post.account}/post/C{post.id}"

    def check_ratio(self, ratio: float) -> None:
        if not 0.1 <= ratio <= 10:
            raise Refused("ratio")
