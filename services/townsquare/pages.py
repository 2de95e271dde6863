"""The townsquare's pages for the public: all posts, one account's, one post. No script; readable on a phone."""

from __future__ import annotations

import hashlib
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from services.kernel.base.zones import in_words
from services.townsquare import entities
from services.townsquare.api import Api
from services.townsquare.posts import Refusal, StoredPost

_PAGE = 20
_STYLE = (Path(__file__).parent / "static" / "townsquare.css").read_bytes()
_STYLE_NAME = f"/townsquare-{hashlib.sha256(_STYLE).hexdigest()[:12]}.css"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

# A browser holds a form's redirects to form-action, too, and an application may have its way back anywhere.
_LOGIN_POLICY = HEADERS["Content-Security-Policy"].replace("form-action 'none'", "form-action 'self' http: https:")


class PublicPages:
    """The public pages over what the API keeps, with times in the city's zone."""

    def __init__(self, api: Api, zone: tzinfo) -> None:
        self._api = api
        self._zone = zone
        self._templates = Environment(
            loader=PackageLoader("services.townsquare"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.globals["style"] = _STYLE_NAME

    def routes(self) -> list[web.RouteDef]:
        """Return the pages' routes."""
        return [
            web.get("/", self.front),
            web.get(_STYLE_NAME, _style),
            web.get("/media/{file:[0-9]+[.][a-z]+}", self.picture),
            web.get("/@{name}", self.profile),
            web.get("/@{name}/{id:[0-9]+}", self.post),
        ]

    async def front(self, request: web.Request) -> web.Response:
        """All accounts' posts, newest first."""
        posts, older = self._page(None, request)
        accounts = sorted(self._api.directory.all, key=lambda account: account.display_name)
        return self._html("front.html", posts=posts, older=older, accounts=accounts, paged="before" in request.query)

    async def profile(self, request: web.Request) -> web.Response:
        """One account and its posts."""
        account = self._api.directory.by_name(request.match_info["name"])
        if account is None:
            return self._missing("There is no account of that name here.")
        posts, older = self._page(account.username, request)
        count = len(self._api.posts.newest(account.username, 1_000_000))
        return self._html("profile.html", account=account, posts=posts, older=older, count=count)

    async def post(self, request: web.Request) -> web.Response:
        """One post, what it answers, and its continuations."""
        store = self._api.posts
        post = store.posts.get(request.match_info["id"])
        if post is None or post.username != request.match_info["name"]:
            return self._missing("This post is not here, or it was deleted.")
        parent = store.posts.get(post.draft.in_reply_to or "")
        return self._html(
            "post.html",
            post=self._view(post),
            parent=self._view(parent) if parent else None,
            replies=[self._view(reply) for reply in store.replies_to(post.id)],
        )

    async def picture(self, request: web.Request) -> web.StreamResponse:
        """A picture's bytes, once a post shows it."""
        name = request.match_info["file"]
        media = self._api.posts.media.get(name.partition(".")[0])
        if media is None or media.file != name:
            raise Refusal(404, "Record not found")
        path = self._api.posts.media_folder / media.file
        return web.FileResponse(path, headers={**HEADERS, "Content-Type": media.media_type})

    def login(self, template: str, **values: Any) -> web.Response:
        """Return a page of a login: its form goes to this server, which leads back to the application."""
        answer = self._html(template, **values)
        answer.headers["Content-Security-Policy"] = _LOGIN_POLICY
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _page(self, username: str | None, request: web.Request) -> tuple[list[dict[str, Any]], str | None]:
        before = request.query.get("before", "")
        known = before if before.isascii() and before.isdigit() and len(before) <= 20 else None
        found = self._api.posts.newest(username, _PAGE + 1, known)
        shown = found[:_PAGE]
        older = f"?before={shown[-1].id}" if len(found) > _PAGE else None
        return [self._view(post) for post in shown], older

    def _view(self, post: StoredPost) -> dict[str, Any]:
        account = self._api.directory.by_name(post.username)
        return {
            "url": f"/@{post.username}/{post.id}",
            "username": post.username,
            "name": account.display_name if account else post.username,
            "created": post.created_at,
            "shown": in_words(datetime.fromisoformat(post.created_at), self._zone),
            # to_html escapes the text itself; only its own paragraphs, breaks and links are markup
            "text": Markup(entities.to_html(post.draft.text, markup=post.draft.markup)),  # noqa: S704
            "language": post.draft.language,
            "continues": post.draft.in_reply_to is not None,
            "pictures": [(f"/media/{item.file}", item.description) for item in self._api.attached(post)],
        }

    def _missing(self, reason: str) -> web.Response:
        return self._html("missing.html", status=404, reason=reason)

    def _html(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        text = self._templates.get_template(template).render(**values)
        return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)


async def _style(_: web.Request) -> web.Response:
    headers = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
    return web.Response(body=_STYLE, content_type="text/css", charset="utf-8", headers=headers)
