"""Nextdoor's Publish API (developer.nextdoor.com), as a public agency meets it."""

from __future__ import annotations

import base64
import io
from typing import Any, ClassVar

import aiohttp
from aiohttp import web
from PIL import Image, UnidentifiedImageError

from tests.support.emulators.base import Emulator, Kind, Post, Refused
from tests.support.emulators.oauth import CLIENT, SECRET, Logins, form_of

_API = "/external/api/partner/v1"
RIGHTS = ("openid", "post:write", "profile:read", "agency.boundary:read")


def token_of(agency: str) -> str:
    """Return an agency's token."""
    return f"nd.{agency}.token"


class NextdoorEmulator(Emulator):
    """Agencies of any number, each with its token; 8,192 bytes; pictures are fetched. Neighbours have no agency."""

    document: ClassVar = "nextdoor"

    errors: ClassVar = {
        "invalid_input": (400, "The provided input is not valid."),
        "too_long": (400, "body_text cannot be longer than 8192 bytes."),
        "media": (400, "The media could not be fetched."),
        "twice": (400, "This has already been posted."),
        "invalid_token": (401, "The access token is invalid or has expired."),
        "insufficient_scope": (403, "The access token lacks the scope post:write."),
        "server_error": (500, "Please retry."),
    }

    def __init__(self) -> None:
        super().__init__()
        self.logins = Logins()
        self.agency = True

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/v3/authorize/", self.login)
        app.router.add_post("/v2/token", self.token)
        app.router.add_get(f"{_API}/me/", self.me)
        app.router.add_post(f"{_API}/post/create/", self.create)

    def kind_of(self, request: web.Request) -> Kind:
        if request.path in ("/v2/token", "/v3/authorize/"):
            return "other"
        return "post" if request.method == "POST" else "read"

    def refuse(self, code: str, seconds: float = 0.0) -> web.Response:
        if code == "rate_limit":
            said = {"error": "rate_limited", "error_description": "Too many requests."}
            return web.json_response(said, status=429, headers={"Retry-After": str(int(seconds))})
        status, words = self.errors[code]
        return web.json_response({"error": code, "error_description": words}, status=status)

    async def login(self, request: web.Request) -> web.Response:
        return self.logins.authorize(request, " ", set(RIGHTS))

    async def token(self, request: web.Request) -> web.Response:
        pair = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        form = await form_of(request)
        if request.headers.get("Authorization") != f"Basic {pair}" or form["grant_type"] != "authorization_code":
            raise Refused("invalid_token")
        granted = self.logins.redeem(form | {"client_secret": SECRET})
        said = {"access_token": token_of(self.logins.account), "token_type": "Bearer", "expires_in": 31_536_000}
        return web.json_response(said | {"scope": " ".join(granted), "refresh_token": "renew"})

    async def me(self, request: web.Request) -> web.Response:
        agency = self._who(request)
        said = {"id": f"u{agency}", "first_name": "City", "last_name": "of Mission", "status": "ACTIVE"}
        named = {"agency_id": agency, "agency_name": f"City: {agency}"} if self.agency else {}
        return web.json_response(said | named)

    async def create(self, request: web.Request) -> web.Response:
        agency, body = self._who(request), await request.json()
        text = body["body_text"]
        if len(text.encode()) > 8_192:
            raise Refused("too_long")
        for url in body.get("media_attachments", []):
            await self._fetch(url)
        post = Post(self.next_id(), agency, text, extra={"pictures": len(body.get("media_attachments", []))})
        self.posts.append(post)
        return web.json_response({"result": "success", "share_link": f"{self.url}/p/{post.id}"})

    async def _fetch(self, url: str) -> None:
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                Image.open(io.BytesIO(await response.read()))
        except (aiohttp.ClientError, UnidentifiedImageError):
            raise Refused("media") from None

    def _who(self, request: web.Request) -> str:
        token: str = request.headers.get("Authorization", "").removeprefix("Bearer ")
        parts: Any = token.split(".")
        if len(parts) != 3 or not parts[1].isdigit() or token != token_of(parts[1]):
            raise Refused("invalid_token")
        return str(parts[1])
