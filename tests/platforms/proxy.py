"""A proxy that loses, delays and refuses: what real networks and servers do, before a real server."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from email.utils import formatdate

import aiohttp
from aiohttp import web

from tests.support.emulators.bending import Bends

WRITES = ("com.atproto.repo.putRecord", "com.atproto.repo.applyWrites")
ON = {
    "post": WRITES,
    "read": ("com.atproto.repo.getRecord",),
    "media": ("com.atproto.repo.uploadBlob",),
    "login": ("com.atproto.server.createSession",),
    "renewal": ("com.atproto.server.refreshSession",),
}
_HOP = frozenset({"host", "connection", "transfer-encoding", "content-length", "content-encoding", "date"})


@dataclass
class Proxy:
    """Passes calls on to ``url``; ``calls`` counts them by name. ``faults``: what to do with those to come."""

    target: str
    url: str = ""
    faults: list[tuple[str, str, float]] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    bends: Bends = field(default_factory=Bends)
    adds: dict[str, str] = field(default_factory=dict)
    """Headers that each request has beside its own."""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        app = web.Application(middlewares=[self.bends.middleware], client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def _trick(self, name: str) -> tuple[str, float]:
        for one in self.faults:
            kind, on, seconds = one
            if name in ON[on]:
                self.faults.remove(one)
                return kind, seconds
        return "", 0.0

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        self.calls[name] = self.calls.get(name, 0) + 1
        kind, seconds = self._trick(name)
        if kind == "rate_limit":
            now = int(time.time())
            headers = {"RateLimit-Reset": str(now + int(seconds)), "Date": formatdate(now, usegmt=True)}
            return web.json_response({"error": "RateLimitExceeded"}, status=429, headers=headers)
        if kind == "drop_before":
            return self._drop(request)
        if kind == "error_before":
            return web.json_response({"error": "InternalServerError"}, status=503)
        if kind == "slow":
            await asyncio.sleep(seconds)
        answer = await self._pass_on(request)
        if kind == "drop_after":
            return self._drop(request)
        return web.json_response({"error": "InternalServerError"}, status=500) if kind == "error_after" else answer

    async def _pass_on(self, request: web.Request) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP} | self.adds
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, self.target + request.path_qs, data=await request.read() or None, headers=headers
            ) as answer,
        ):
            passed = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            return web.Response(status=answer.status, body=await answer.read(), headers=passed)

    def _drop(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
