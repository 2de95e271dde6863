"""What people ask the city in public, and the way to an answer (HUM.11(A) 2(iv))."""

from __future__ import annotations

from aiohttp import web

from schemas import subjects, unseen
from schemas.events.inquiries import InquiriesQuery, InquiriesReply
from services.web.desk import desk_of
from services.web.pages.write import that_answer


async def inquiries(request: web.Request) -> web.Response:
    """Show what was asked within the last day; nothing in it is opened, and what nobody sees in it is spelt out."""
    desk = desk_of(request)
    reply = await desk.connection.ask(subjects.DESK_INQUIRIES, InquiriesQuery(), InquiriesReply)
    able = {one.id for one in await that_answer(desk)}
    return await desk.page(
        request,
        "inquiries.html",
        found=reply.inquiries,
        troubles=sorted(reply.troubles.items()),
        looked_at=reply.looked_at,
        able=able,
        plain=unseen.shown,
        here="inquiries",
        refresh=False,
    )
