"""The Threads API (developers.facebook.com/docs/threads), as an account that posts meets it."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import regex
from aiohttp import web

from tests.support.emulators.base import Post, Refused
from tests.support.emulators.meta import MetaEmulator

_LINK = re.compile(r"https?://\S+")
_EMOJI = regex.compile(r"\p{Emoji_Presentation}")
_KNOWN = {"media_type", "text", "image_url", "alt_text", "reply_to_id", "is_carousel_item", "children"}


class ThreadsEmulator(MetaEmulator):
    """500 characters, emoji as their bytes; at most 5 links; replies; deletions."""

    document: ClassVar = "threads"

    def routes(self, app: web.Application) -> None:
        super().routes(app)
        app.router.add_get(f"/{self.VERSION}/{{id}}/conversation", self.conversation)

    def asked_at(self, name: str) -> str:
        """Return where people look at what somebody asked."""
        return f"https://www.threads.com/@jo/post/D{name}"

    async def conversation(self, request: web.Request) -> web.Response:
        """All that was answered under a post, at whatever depth, the account's own answers among it."""
        top = self._post(self._who(request), request.match_info["id"])
        rows: list[dict[str, Any]] = [
            one | {"permalink": self.asked_at(one["id"]), "is_reply_owned_by_me": False} for one in self.asked
        ]
        rows += [
            self._shown(one) | {"under": one.under, "username": f"city{one.account}", "is_reply_owned_by_me": True}
            for one in self.posts
            if one.account == top.account and one.under
        ]
        inside = {top.id}
        while more := {one["id"] for one in rows if one["under"] in inside} - inside:
            inside |= more
        return web.json_response({"data": [self.picked(request, one) for one in rows if one["id"] in inside]})

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
