"""The platform that all sides post to: a process that speaks just enough of the Mastodon API and answers after a delay.

It listens on several ports, so that it stands for several servers. ``Bearer token-NAME`` is the account NAME.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import resource
import time
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

Value = dict[str, Any]


class Platform:
    """Accounts' posts in memory. ``delay`` in seconds; None hangs until it is changed."""

    def __init__(self, delay: float) -> None:
        self.delay: float | None = delay
        self.waiting = 0
        self._changed = asyncio.Event()
        self._ids = itertools.count(1)
        self._posts: dict[str, Value] = {}
        self._of: dict[str, list[Value]] = {}
        self._keys: dict[tuple[str, str], Value] = {}

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/api/v1/accounts/verify_credentials", self.owner),
                web.get("/api/v2/instance", self.instance),
                web.post("/api/v1/statuses", self.post),
                web.get("/api/v1/statuses/{id}", self.one),
                web.get("/api/v1/statuses/{id}/source", self.one),
                web.get("/api/v1/accounts/{id}/statuses", self.listing),
                web.post("/bench/delay", self.set_delay),
                web.get("/bench/count", self.count),
            ]
        )
        return app

    async def owner(self, request: web.Request) -> web.Response:
        """Say whose token it is."""
        name = _account(request)
        return web.json_response({"id": _number(name), "username": name, "acct": name})

    async def instance(self, _: web.Request) -> web.Response:
        """Say the server's limits: Mastodon's usual ones."""
        limits = {"max_characters": 500, "max_media_attachments": 4, "characters_reserved_per_url": 23}
        return web.json_response({"domain": "bench", "version": "4.4.0", "configuration": {"statuses": limits}})

    async def post(self, request: web.Request) -> web.Response:
        """Take a post; the same Idempotency-Key gets the same post again."""
        name = _account(request)
        body = json.loads(await request.read())
        key = (name, request.headers.get("Idempotency-Key", ""))
        if not await self._wait():
            raise web.HTTPServiceUnavailable
        made = self._keys.get(key) if key[1] else None
        if made is None:
            made = self._keep(name, str(body.get("status", "")))
            if key[1]:
                self._keys[key] = made
        return web.json_response(made)

    async def one(self, request: web.Request) -> web.Response:
        """Show a post."""
        found = self._posts.get(request.match_info["id"])
        return web.json_response(found or {"error": "Record not found"}, status=200 if found else 404)

    async def listing(self, request: web.Request) -> web.Response:
        """List an account's posts, the newest first."""
        posts = self._of.get(request.match_info["id"], [])
        before = int(request.query.get("max_id", 10**18))
        found = [post for post in reversed(posts) if int(post["id"]) < before]
        return web.json_response(found[: int(request.query.get("limit", 20))])

    async def set_delay(self, request: web.Request) -> web.Response:
        """Answer after another delay from now on; those that hang get a 503."""
        self.delay = (await request.json())["seconds"]
        self._changed.set()
        self._changed = asyncio.Event()
        return web.json_response({})

    async def count(self, _: web.Request) -> web.Response:
        """Say how many posts there are, and how many callers wait."""
        return web.json_response({"posts": len(self._posts), "waiting": self.waiting})

    async def _wait(self) -> bool:
        """Wait as long as posts take; False for one that hung: nothing of it is kept."""
        self.waiting += 1
        try:
            if self.delay is None:
                await self._changed.wait()
                return False
            await asyncio.sleep(self.delay)
            return True
        finally:
            self.waiting -= 1

    def _keep(self, name: str, text: str) -> Value:
        identity = str(next(self._ids))
        post = {
            "id": identity,
            "url": f"http://127.0.0.1/@{name}/{identity}",
            "uri": f"http://127.0.0.1/@{name}/{identity}",
            "created_at": datetime.fromtimestamp(time.time(), UTC).isoformat().replace("+00:00", "Z"),
            "content": f"<p>{text}</p>",
            "text": text,
            "visibility": "public",
            "in_reply_to_id": None,
            "account": {"id": _number(name), "username": name, "acct": name},
        }
        self._posts[identity] = post
        self._of.setdefault(_number(name), []).append(post)
        return post


def _account(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token.startswith("token-"):
        raise web.HTTPUnauthorized(text='{"error": "The access token is invalid"}', content_type="application/json")
    return token.removeprefix("token-")


def _number(name: str) -> str:
    return str(int.from_bytes(name.encode()[-7:], "big"))


async def _serve(ports: list[int], delay: float) -> None:
    runner = web.AppRunner(Platform(delay).app(), access_log=None, keepalive_timeout=120)
    await runner.setup()
    for port in ports:
        await web.TCPSite(runner, "127.0.0.1", port, backlog=4_096).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(description="A platform for benchmarks.")
    parser.add_argument("ports", type=int, nargs="+")
    parser.add_argument("--delay", type=float, default=0.1)
    chosen = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(chosen.ports, chosen.delay))


if __name__ == "__main__":
    main()
