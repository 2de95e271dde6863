"""Instagram's content publishing API (developers.facebook.com), as a professional account that posts meets it."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from aiohttp import web

from tests.support.emulators.base import Kind, Post, Refused
from tests.support.emulators.meta import MetaEmulator

_HASHTAG = re.compile(r"#\w")
_LINK = re.compile(r"https?://")
_NESTED = re.compile(r",replies\{([a-z,_]+)\}")
_KNOWN = {"media_type", "caption", "image_url", "alt_text", "is_carousel_item", "children"}


class InstagramEmulator(MetaEmulator):
    """A picture for each post; JPEG, from 4:5 to 1.91:1; 2,200 characters and 30 hashtags; nothing is deleted."""

    document: ClassVar = "instagram"

    VERSION: ClassVar = "v24.0"
    create_edge: ClassVar = "media"
    publish_edge: ClassVar = "media_publish"
    quota_edge: ClassVar = "content_publishing_limit"
    status_field: ClassVar = "status_code"
    why_field: ClassVar = "status"
    text_field: ClassVar = "caption"
    rights: ClassVar = (
        "instagram_business_basic",
        "instagram_business_content_publish",
        "instagram_business_manage_comments",
    )
    exchange: ClassVar = "ig_exchange_token"
    refresh: ClassVar = "ig_refresh_token"

    def routes(self, app: web.Application) -> None:
        base = f"/{self.VERSION}/{{id}}"
        app.router.add_get(f"{base}/comments", self.comments)
        app.router.add_post(f"{base}/comments", self.comment)
        app.router.add_get(f"{base}/replies", self.comments)
        app.router.add_post(f"{base}/replies", self.comment)
        super().routes(app)

    def kind_of(self, request: web.Request) -> Kind:
        comments = request.method == "POST" and request.path.endswith(("/comments", "/replies"))
        return "post" if comments else super().kind_of(request)

    def under(self, above: str) -> list[dict[str, str]]:
        """Return what is there right under a post or a comment."""
        return [one for one in self.asked if one["under"] == above]

    async def comments(self, request: web.Request) -> web.Response:
        """The comments of a post with the answers to each, or the answers to a comment: Instagram has two levels."""
        above, nested = self._above(request), _NESTED.search(request.query["fields"])
        rows = []
        for one in self.under(above):
            row: dict[str, Any] = self._picked(_NESTED.sub("", request.query["fields"]), one)
            answers = [self._picked(nested[1], reply) for reply in self.under(one["id"])] if nested else []
            rows.append(row | ({"replies": {"data": answers}} if answers else {}))
        return web.json_response({"data": rows})

    async def comment(self, request: web.Request) -> web.Response:
        account, above, body = self._who(request), self._above(request), await request.json()
        text = body["message"]
        if len(text) > 300 or len(_HASHTAG.findall(text)) > 4 or len(_LINK.findall(text)) > 1:
            raise Refused("too_long")
        return web.json_response({"id": self.ask(f"city{account}", text, above)})

    async def one(self, request: web.Request) -> web.Response:
        self._who(request)
        found = [one for one in self.asked if one["id"] == request.match_info["id"]]
        if not found:
            return await super().one(request)
        media = {"media": {"id": self._media_of(found[0])}} if "media" in request.query["fields"].split(",") else {}
        return web.json_response(self._picked(request.query["fields"], found[0]) | media)

    def _above(self, request: web.Request) -> str:
        """Return the post or the comment of a path; an answer to an answer is refused."""
        name, account = request.match_info["id"], self._who(request)
        comment = next((one for one in self.asked if one["id"] == name), None)
        post = self._post(account, name if comment is None else self._media_of(comment))
        if request.path.endswith("/replies") != (comment is not None) or (comment and comment["under"] != post.id):
            raise Refused("invalid")
        return name

    def _media_of(self, comment: dict[str, str]) -> str:
        above = next((one for one in self.asked if one["id"] == comment["under"]), None)
        return comment["under"] if above is None else above["under"]

    def _picked(self, fields: str, row: dict[str, str]) -> dict[str, Any]:
        return {key: row[key] for key in fields.split(",") if key in row and key != "media"}

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
