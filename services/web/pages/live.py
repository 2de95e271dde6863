"""The stream of news: server-sent events whose id is the ledger's sequence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

from aiohttp import web

from schemas.events.desk import BoardQuery
from services.desk.views.timetext import in_city_time, local
from services.kernel.base.errors import OneVoiceError
from services.web.desk import WebDesk, desk_of
from services.web.domain.news import News, news_of
from services.web.front import found_session
from services.web.hub import KEPT
from services.web.sessions import WebSession

BEAT_SECONDS = 2.0
GATHER_SECONDS = 0.1
"""What comes within so long goes out as one, so that a flood of entries wakes nobody a thousand times."""

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
    after = place_of_browser(request)
    response = web.StreamResponse(headers=HEADERS)
    await response.prepare(request)
    try:
        async for text in _stream(request, after):
            await response.write(text.encode())
    except (ConnectionResetError, OneVoiceError):
        pass  # the browser is gone, or the city is: it comes back from where it was
    return response


async def _stream(request: web.Request, after: int) -> AsyncIterator[str]:
    desk, beat_at, looked_at, warned = desk_of(request), float("-inf"), float("-inf"), False
    hub = desk.hub
    while not hub.closed:
        now = desk.clock.monotonic()
        if now - looked_at >= BEAT_SECONDS:
            looked_at = now
            session = await found_session(request)
            if session is None:
                yield "event: signed-out\ndata: {}\n\n"
                return
            if (ends_soon := session.ends() - desk.clock.now() <= WARNED) != warned:
                warned = ends_soon
                yield _event("ending", _ending(session) if ends_soon else {"at": "", "stay": False})
        if not hub.alive():
            yield ": the city is not heard\n\n"
        elif after > hub.seq:
            yield "event: reset\ndata: {}\n\n"
            return
        else:
            found = hub.after(after) if hub.holds(after) else await _older(desk, after)
            text, after = "".join(_text(desk, one) for one in found), found[-1].seq if found else after
            if now - beat_at >= BEAT_SECONDS:
                beat_at = now
                text += _event("beat", {"at": _clock(desk), "seq": hub.seq})
            if text:
                yield text
        if after >= hub.seq or not hub.alive():
            await hub.wait(BEAT_SECONDS)
            await asyncio.sleep(GATHER_SECONDS)


async def _older(desk: WebDesk, after: int) -> list[News]:
    """Return the next entries for a browser that was away longer than they are kept here."""
    reply = await desk.connection.board(BoardQuery(query="changes", since=after))
    return [news_of(event) for event in reply.changes or ()]


def _text(desk: WebDesk, one: News) -> str:
    """Return an entry as all browsers get it; made once."""
    known = desk.told.get(one.seq)
    if known is None:
        if len(desk.told) >= KEPT:
            desk.told.clear()
        known = desk.told[one.seq] = _as_event(desk, one)
    return known


def _as_event(desk: WebDesk, one: News) -> str:
    line = desk.hub.messages.line(one.request_id)
    said = {
        "at": local(one.at, desk.clock.now()),
        "id": one.request_id,
        "about": (line.about if line else None) or "",
        "who": one.who,
        "what": in_city_time(one.what),
    }
    return f"id: {one.seq}\n" + _event("news", said)


def _event(name: str, said: Mapping[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(said)}\n\n"


def _ending(session: WebSession) -> dict[str, object]:
    return {"at": local(session.ends(), session.ends()), "stay": session.can_stay()}


def _clock(desk: WebDesk) -> str:
    now = desk.clock.now()
    return local(now, now)
