"""The stream of news: server-sent events whose id is the ledger's sequence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from aiohttp import web

from schemas.events.desk import BoardQuery
from services.desk.views.timetext import local
from services.kernel.base.errors import OneVoiceError
from services.web.desk import WebDesk, desk_of
from services.web.domain.news import news_of
from services.web.front import found_session
from services.web.news_stream import event
from services.web.sessions import WebSession

BEAT_SECONDS = 2.0
WARNED = timedelta(minutes=3)
"""So long before a session ends its pages say so, and how to stay (WCAG 2.2.1 asks for 20 seconds)."""

HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
SHOWN = 60
"""Lines on the page when it is opened."""


async def live_page(request: web.Request) -> web.Response:
    """Show the newest lines; the browser adds what comes."""
    desk = desk_of(request)
    eoc = await desk.connection.eoc()
    # The lines and the place from which the browser goes on: what comes while the city is asked is in one of them.
    lines = [one for one in desk.hub.after(0) if one.what][-SHOWN:]
    return desk.fill(request, "live.html", eoc, lines=lines[::-1], here="live", refresh=False, seq=desk.hub.seq)


def place_of_browser(request: web.Request) -> int:
    """Return up to which sequence a browser has seen the news; raises HTTPBadRequest."""
    said = [request.headers.get("Last-Event-ID", "0") or "0", request.query.get("after", "0")]
    if not all(word.isascii() and word.isdigit() and len(word) < 16 for word in said):
        raise web.HTTPBadRequest
    return max(int(word) for word in said)


async def events(request: web.Request) -> web.StreamResponse:
    """Send what comes, in order, from where the browser is; a heartbeat only while the city is heard."""
    after, lines = place_of_browser(request), "lines" in request.query
    response = web.StreamResponse(headers=HEADERS)
    await response.prepare(request)
    try:
        async for piece in stream(request, after, lines):
            await response.write(piece)
    except (ConnectionResetError, OneVoiceError):
        pass  # the browser is gone, or the city is: it comes back from where it was
    return response


async def stream(request: web.Request, after: int, lines: bool) -> AsyncIterator[bytes]:
    """Yield what a browser at ``after`` hears, piece by piece, until it is signed out or has to begin anew."""
    desk, beat_at, looked_at = desk_of(request), float("-inf"), float("-inf")
    warned = False
    hub, news = desk.hub, desk.news
    while not hub.closed:
        now, before = desk.clock.monotonic(), after
        if now - looked_at >= BEAT_SECONDS:
            looked_at = now
            session = await found_session(request)
            if session is None:
                yield b"event: signed-out\ndata: {}\n\n"
                return
            if (ends_soon := session.ends() - desk.clock.now() <= WARNED) != warned:
                warned = ends_soon
                yield event("ending", _ending(session) if ends_soon else {"at": "", "stay": False}).encode()
        if not hub.alive():
            yield b": the city is not heard\n\n"
        elif after > hub.seq:
            yield b"event: reset\ndata: {}\n\n"
            return
        else:
            piece = b""
            if after < news.seq:
                after, piece = news.piece(after, lines) if hub.holds(after) else await _older(desk, after, lines)
            if now - beat_at >= BEAT_SECONDS:
                beat_at = now
                piece += event("beat", {"at": _clock(desk), "seq": hub.seq}).encode()
            if piece:
                yield piece
        # After a rewind the hub is empty and the news is not: there is more to hear, and nothing to send.
        if after >= news.seq or after == before or not hub.alive():
            await news.wait(BEAT_SECONDS)


async def _older(desk: WebDesk, after: int, lines: bool) -> tuple[int, bytes]:
    """Return the next entries for a browser that was away longer than they are kept here."""
    reply = await desk.connection.board(BoardQuery(query="changes", since=after))
    found = [news_of(one) for one in reply.changes or ()]
    return desk.news.written(found, lines) if found else (after, b"")


def _ending(session: WebSession) -> dict[str, object]:
    return {"at": session.ends_at_clock(), "stay": session.can_stay()}


def _clock(desk: WebDesk) -> str:
    now = desk.clock.now()
    return local(now, now)
