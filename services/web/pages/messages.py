"""What waits, one message, what was said, and what holds now."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from schemas.events.desk import BoardQuery, RequestView
from schemas.fingerprint import words_of
from services.desk.connection.pages import in_pages
from services.desk.views.message.history import HistoryLine, line_of
from services.desk.views.message.waiting import for_a_person
from services.desk.words import check_id
from services.web.desk import WebDesk, desk_of
from services.web.domain import shown
from services.web.domain.news import News

LONGEST_SEARCH = 200
MOST_LINES = 60
"""Profiles, and lines of what was said, that a page shows at once: phones on a bad network load it again and again."""


async def inbox(request: web.Request) -> web.Response:
    """Show what waits for an officer, the most urgent first, and what is under way."""
    desk = desk_of(request)
    found, now = await desk.connection.waiting(), desk.clock.now()
    waiting = for_a_person(found.requests)
    ids = {view.request.request_id for view in waiting}
    others = [view for view in found.requests if view.request.request_id not in ids]
    items = [shown.inbox_item(view, now) for view in waiting]
    under_way = [(shown.inbox_item(view, now), shown.posts(view)) for view in others]
    return await desk.page(
        request,
        "inbox.html",
        items=items,
        under_way=under_way,
        outside_posts=found.outside_posts,
        here="inbox",
        seq=min(found.as_of, desk.hub.seq),
    )


async def message(request: web.Request) -> web.Response:
    """Show one message: what each platform gets, what screening found, who said what, where it is."""
    desk, request_id = desk_of(request), check_id(request.match_info["id"], "request")
    whole = "all" in request.query
    view, lines = await _said_on(desk, request_id, at_least(request), None if whole else MOST_LINES)
    return await desk.page(
        request,
        "message.html",
        view=view,
        fingerprint=words_of(view.request),
        lines=lines if whole else lines[-MOST_LINES:],
        lines_left=0 if whole else max(0, len(lines) - MOST_LINES),
        item=shown.inbox_item(view, desk.clock.now()),
        waits=shown.waits_for_decision(view),
        posts=shown.posts(view),
        renderings=shown.renderings(view.request.renderings),
        difference=await difference(desk, view),
        revised=shown.revised(view),
        here="messages",
        about=desk.hub.names_with(view.request.request_id),
        seq=min(view.as_of, desk.hub.seq),
    )


async def _said_on(
    desk: WebDesk, request_id: str, at_least: int | None, most: int | None
) -> tuple[RequestView, Sequence[News | HistoryLine]]:
    """Return a message, and what was said on it: from memory where all of it is there, else from the ledger."""
    view = await desk.connection.request(request_id, at_least, most)
    known = desk.hub.on_message(view.request.request_id) if desk.hub.seq >= view.as_of else None
    if known is not None:
        return view, known
    asked = BoardQuery(query="history", request_id=request_id, at_least=at_least, most=most)
    reply = await in_pages(desk.connection.board, asked)
    return (reply.requests or ())[0], [line for one in reply.changes or () if (line := line_of(one)) is not None]


def at_least(request: web.Request) -> int | None:
    """Return the sequence that a page has to know of: that of what its officer has just done."""
    word = request.query.get("at", "")
    return int(word) if word.isascii() and word.isdigit() and len(word) < 16 else None


async def difference(desk: WebDesk, view: RequestView) -> shown.ShownDifference | None:
    """Return what a message changes of the one that it follows; None where it follows none."""
    earlier = view.request.earlier
    if earlier is None:
        return None
    return shown.difference_of(
        (await desk.connection.request(earlier, most=0)).request, view.request, view.request.text
    )


async def messages(request: web.Request) -> web.Response:
    """Show the newest messages, and find some by their words."""
    desk, words = desk_of(request), request.query.get("q", "")[:LONGEST_SEARCH]
    found = desk.hub.messages.search(words)
    return await desk.page(
        request,
        "messages.html",
        found=found,
        words=words,
        known=len(desk.hub.messages),
        reading=desk.hub.older_left > 0,
        here="messages",
        refresh=not words,
    )


async def holding(request: web.Request) -> web.Response:
    """Show what stands out there and still applies."""
    desk = desk_of(request)
    return await desk.page(request, "holding.html", found=desk.hub.messages.holding(desk.clock.now()), here="holding")
