"""Injects faults into calls of the townsquare: instead of the call, or into its answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from aiohttp import web

from services.kernel.base import logs
from services.townsquare.faults import FAULT, Fault, FaultKind
from services.townsquare.posts import Posts, Refusal

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
FLOOD_BYTES = 10 * 1024 * 1024
_NEVER_SECONDS = 600.0
_LOOK_SECONDS = 0.2
_USUAL_SECONDS = 5.0
_PAGE = (
    "<!DOCTYPE html><html lang=en><title>{0}</title><h1>{0}</h1><p>The requested page is not available.</p></html>\n"
)


class FaultInjector:
    """Injects faults into a townsquare's calls; ``close`` ends the posts' vanishing."""

    def __init__(self, posts: Posts) -> None:
        self._posts = posts
        self._vanishing: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Keep the posts that have not vanished yet."""
        for task in self._vanishing:
            task.cancel()
        await asyncio.gather(*self._vanishing, return_exceptions=True)

    async def inject(self, fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a call as the fault wants it; raises Refusal."""
        request[FAULT] = fault
        if fault.kind in _REFUSALS:
            raise Refusal(*_REFUSALS[fault.kind])
        if fault.kind in _INSTEAD:
            return await _INSTEAD[fault.kind](fault, request)
        if fault.kind is FaultKind.SLOW:
            await request.read()
            await asyncio.sleep(fault.seconds or 0.0)
        response = await handler(request)
        if fault.kind is FaultKind.VANISH:
            self._vanish(fault, request, response)
        damage = _AFTER.get(fault.kind)
        return await damage(fault, request, response) if damage is not None else response

    def _vanish(self, fault: Fault, request: web.Request, response: web.StreamResponse) -> None:
        post_id = response.headers.get(POST_ID)
        if post_id is not None:
            task = asyncio.create_task(self._drop(post_id, fault.seconds or 0.0))
            self._vanishing.add(task)
            task.add_done_callback(self._vanishing.discard)

    async def _drop(self, post_id: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        post = self._posts.posts.get(post_id)
        if post is not None:
            await self._posts.delete(post.username, post_id)
            logs.logger().info("fault injected: a post vanished", post=post_id)


POST_ID = "X-Townsquare-StoredPost"
"""The header of an answer that names the post it made."""


# --- instead of the call ----------------------------------------------------------------------------------


_REFUSALS: dict[FaultKind, tuple[int, str]] = {
    FaultKind.ERROR_BEFORE: (503, "Service unavailable"),
    FaultKind.UNAUTHORIZED: (401, "The access token is invalid"),
    # The words and the status of a suspended account: docs.joinmastodon.org/methods/accounts, "403: Forbidden".
    FaultKind.SUSPENDED: (403, "Your login is currently disabled"),
    FaultKind.REFUSED: (422, "Validation failed: Text character limit of 500 exceeded"),
    FaultKind.UNFINISHED: (422, "Cannot attach files that have not finished processing. Try again in a moment!"),
    FaultKind.SCOPE: (403, "This action is outside the authorized scopes"),
}


async def _rate_limit(fault: Fault, request: web.Request) -> web.StreamResponse:
    raise Refusal(429, "Too many requests", retry_after=None if fault.seconds is None else int(fault.seconds))


async def _drop_before(fault: Fault, request: web.Request) -> web.StreamResponse:
    await request.read()
    drop(request)
    raise Refusal(503, "dropped")


async def _moved(fault: Fault, request: web.Request) -> web.StreamResponse:
    await request.read()
    return web.Response(status=308, headers={"Location": f"https://moved.example{request.path}"})


async def _html_before(fault: Fault, request: web.Request) -> web.StreamResponse:
    return _html(fault)


async def _never_before(fault: Fault, request: web.Request) -> web.StreamResponse:
    await request.read()
    return await _silence(request)


_INSTEAD: dict[FaultKind, Callable[[Fault, web.Request], Awaitable[web.StreamResponse]]] = {
    FaultKind.RATE_LIMIT: _rate_limit,
    FaultKind.DROP_BEFORE: _drop_before,
    FaultKind.MOVED: _moved,
    FaultKind.HTML_BEFORE: _html_before,
    FaultKind.NEVER_BEFORE: _never_before,
}

# --- after the call ---------------------------------------------------------------------------------------


async def _error_after(fault: Fault, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    raise Refusal(500, "Something went wrong on our end")


async def _drop_after(fault: Fault, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    drop(request)
    return response


async def _html_after(fault: Fault, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    return _html(fault)


async def _never_after(fault: Fault, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    return await _silence(request)


async def _drip(fault: Fault, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Send the answer byte by byte, evenly over the fault's seconds."""
    body = bytes(response.body) if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    slow = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
    slow.content_length = len(body)
    await slow.prepare(request)
    pause = (_USUAL_SECONDS if fault.seconds is None else fault.seconds) / max(len(body), 1)
    with contextlib.suppress(ConnectionResetError):
        for position in range(len(body)):
            await slow.write(body[position : position + 1])
            await asyncio.sleep(pause)
    return slow


async def _flood(fault: Fault, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Send what begins like an answer and goes on for ten megabytes."""
    flood = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
    await flood.prepare(request)
    with contextlib.suppress(ConnectionResetError):
        await flood.write(b'{"content": "')
        piece = b"x" * 65_536
        for _ in range(FLOOD_BYTES // len(piece)):
            await flood.write(piece)
        await flood.write(b'"}')
    return flood


_AFTER: dict[FaultKind, Callable[[Fault, web.Request, web.StreamResponse], Awaitable[web.StreamResponse]]] = {
    FaultKind.ERROR_AFTER: _error_after,
    FaultKind.DROP_AFTER: _drop_after,
    FaultKind.HTML_AFTER: _html_after,
    FaultKind.NEVER_AFTER: _never_after,
    FaultKind.DRIP: _drip,
    FaultKind.FLOOD_AFTER: _flood,
}


def drop(request: web.Request) -> None:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()


def _html(fault: Fault) -> web.Response:
    title = "Welcome" if fault.status == 200 else "502 Bad Gateway"
    return web.Response(status=fault.status, text=_PAGE.format(title), content_type="text/html")


async def _silence(request: web.Request) -> web.StreamResponse:
    """Send nothing until the caller has gone."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _NEVER_SECONDS
    while not _gone(request) and loop.time() < until:  # noqa: ASYNC110 - a transport has no event for it
        await asyncio.sleep(_LOOK_SECONDS)
    drop(request)
    raise Refusal(503, "there was nobody left to answer")


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
