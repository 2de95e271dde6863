"""LinkedIn's Comments API (learn.microsoft.com/linkedin), as a page that answers meets it: two levels, plain text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.support.emulators.base import Refused

if TYPE_CHECKING:
    from tests.support.emulators.linkedin import LinkedInEmulator

_COMMENT = re.compile(r"urn:li:comment:\((urn:li:[a-zA-Z]+:[0-9]+),([0-9]+)\)")


class Discussion:
    """What is under posts, of the emulator's pages or of anybody (``others``)."""

    def __init__(self, emulator: LinkedInEmulator) -> None:
        self._emulator = emulator
        self.comments: list[dict[str, Any]] = []
        self.others: set[str] = set()

    def routes(self, app: web.Application) -> None:
        base = "/rest/socialActions/{urn}/comments"
        app.router.add_get(base, self.listing)
        app.router.add_post(base, self.create)
        app.router.add_get(f"{base}/{{number}}", self.one)
        app.router.add_delete(f"{base}/{{number}}", self.delete)

    def ask(self, who: str, text: str, post: str, parent: str = "") -> str:
        """Have somebody comment; return the comment's number."""
        number, at = self._emulator.next_id(), int(self._emulator.now().timestamp() * 1_000)
        row = {
            "id": number,
            "actor": who,
            "object": post,
            "commentUrn": f"urn:li:comment:({post},{number})",
            "message": {"text": text, "attributes": []},
            "created": {"actor": who, "time": at},
        }
        self.comments.append(row | ({"parentComment": parent} if parent else {}))
        return number

    def under(self, above: str) -> list[dict[str, Any]]:
        """Return the comments right under a post or, by its URN, a comment."""
        return [one for one in self.comments if one.get("parentComment", one["object"]) == above]

    async def listing(self, request: web.Request) -> web.Response:
        self._emulator.who(request)
        self._there(request.match_info["urn"])
        begin, size = int(request.query["start"]), int(request.query["count"])
        found = self.under(request.match_info["urn"])[begin : begin + size]
        return web.json_response({"paging": {"start": begin, "count": size, "links": []}, "elements": found})

    async def create(self, request: web.Request) -> web.Response:
        page, body, above = self._emulator.who(request), await request.json(), request.match_info["urn"]
        post = self._there(above)
        if body["actor"] != f"urn:li:organization:{page}":
            raise Refused("access")
        if body["object"] != post or body.get("parentComment", post) != above or len(body["message"]["text"]) > 1_250:
            raise Refused("invalid")
        number = self.ask(body["actor"], body["message"]["text"], post, body.get("parentComment", ""))
        return web.json_response(self.comments[-1], status=201, headers={"x-restli-id": number})

    async def one(self, request: web.Request) -> web.Response:
        return web.json_response(self._comment(request))

    async def delete(self, request: web.Request) -> web.Response:
        page, found = self._emulator.who(request), self._comment(request)
        if request.query["actor"] != f"urn:li:organization:{page}":
            raise Refused("access")
        self.comments.remove(found)
        return web.Response(status=204)

    def _comment(self, request: web.Request) -> dict[str, Any]:
        self._emulator.who(request)
        post, number = request.match_info["urn"], request.match_info["number"]
        found = [one for one in self.comments if (one["object"], one["id"]) == (post, number)]
        if not found:
            raise Refused("gone")
        return found[0]

    def _there(self, above: str) -> str:
        """Return the post of a thread; Refused where there is no such one, or too deep a comment."""
        comment = _COMMENT.fullmatch(above)
        post = comment[1] if comment else above
        if post not in self.others and not any(one.id == post for one in self._emulator.posts):
            raise Refused("gone")
        if comment and not any(one["id"] == comment[2] and "parentComment" not in one for one in self.comments):
            raise Refused("gone")
        return post
