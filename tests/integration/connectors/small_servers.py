"""Small servers that say what a test has them say, and the connectors that call them: for what no emulator plays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from schemas.events.authority import Profile
from services.fanout.connectors.bluesky.connector import BlueskyConnector
from services.fanout.connectors.contract import Connector
from services.fanout.connectors.linkedin.connector import LinkedInConnector
from services.fanout.connectors.mastodon.connector import MastodonConnector
from services.fanout.connectors.x.connector import XConnector
from tests.integration.connectors.harnesses import a_profile

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
DID = "did:plc:abcdefghijklmnopqrstuvwx"
_ACCOUNTS = {"mastodon": "fire@townsquare", "x": "fire", "linkedin": "1001", "bluesky": DID}


def says(value: Any, status: int = 200, **headers: str) -> Handler:
    """Return a handler that always answers this JSON."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response(value, status=status, headers=headers)

    return answer


def a_page(status: int) -> Handler:
    """Return a handler that answers as what is before a server does."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html><h1>Welcome</h1></html>", status=status, content_type="text/html")

    return answer


def in_turn(*handlers: Handler) -> Handler:
    """Return a handler that answers as these do, one after the other, and then always as the last."""
    left = list(handlers)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer


DOORS: dict[str, dict[str, Handler]] = {
    "mastodon": {"GET /api/v1/accounts/verify_credentials": says({"id": "1", "username": "fire"})},
    "x": {"GET /2/users/me": says({"data": {"id": "9", "username": "fire"}})},
    "linkedin": {},
    "bluesky": {
        "POST /xrpc/com.atproto.server.createSession": says(
            {"accessJwt": "a", "refreshJwt": "r", "did": DID, "handle": "fire.example"}
        )
    },
}
"""How each platform says whose the credential is."""


def the_profile(platform: str) -> Profile:
    """Return the profile that the connector is for."""
    return a_profile("fire", platform).model_copy(update={"account": _ACCOUNTS[platform]})


@asynccontextmanager
async def serving(platform: str, folder: Path, handlers: dict[str, Handler]) -> AsyncIterator[Connector]:
    """Yield a platform's connector before a server with these handlers; its door is open where they do not say."""
    app = web.Application()
    for place, handler in (DOORS[platform] | handlers).items():
        method, path = place.split()
        app.router.add_route(method, path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    token = folder / f"{platform}.token"
    token.touch(mode=0o600)
    token.write_text("a:b:c:d" if platform == "x" else "token")
    connector = _connector(platform, f"http://127.0.0.1:{runner.addresses[0][1]}", lambda _: token)
    try:
        yield connector
    finally:
        await connector.close()
        await runner.cleanup()


def _connector(platform: str, url: str, token: Callable[[str], Path]) -> Connector:
    if platform == "mastodon":
        return MastodonConnector(lambda _: url, token)
    if platform == "x":
        return XConnector(url, token, site="https://x.com")
    if platform == "linkedin":
        return LinkedInConnector(url, "202511", token, site="https://www.linkedin.com")
    return BlueskyConnector(lambda _: url, token, app="https://bsky.app")
