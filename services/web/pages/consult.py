"""Consultation copies: an officer lets somebody outside read one version of one message, for a while, and no more."""

from __future__ import annotations

import secrets

from aiohttp import web

from schemas import canonical
from schemas.events.desk import RequestView
from schemas.events.envelope import Envelope
from schemas.fingerprint import words_of
from services.desk.words import check_id
from services.kernel.base.errors import BadInput, Refused
from services.web.desk import desk_of, say, session_of, to_be_signed
from services.web.domain import shown
from services.web.domain.consulting import (
    CONSULTATION_TYPE,
    LIFETIMES,
    Consultation,
    copy_of,
    may_make,
    over,
    refuse_unsigned,
)

MOST_COPIES = 20
"""Of one message that can be read at the same time."""


async def copies_page(request: web.Request) -> web.Response:
    """Show the copies of a message, and ask how long a new one can be read."""
    desk, session = desk_of(request), session_of(request)
    view = await desk.connection.request(check_id(request.match_info["id"], "request"))
    request_id = view.request.request_id
    me = (await desk.roster.officers()).get(session.officer)
    link = session.copies.get(request_id)
    return await desk.page(
        request,
        "copies.html",
        view=view,
        found=desk.consultations.of(request_id),
        may_make=may_make(me),
        lifetimes=tuple(LIFETIMES),
        link=f"{desk.origin.text}/consult/{link}" if link else "",
        refresh=False,
        here="messages",
    )


async def make(request: web.Request) -> web.Response:
    """Have a copy of the version that the page showed signed; its link is shown to its maker, once signed in."""
    desk, session, form = desk_of(request), session_of(request), await request.post()
    view = await desk.connection.request(check_id(request.match_info["id"], "request"))
    lifetime = LIFETIMES.get(str(form.get("until", "")))
    if lifetime is None:
        raise BadInput("consult.until", say(request, "consult.no_time"), say(request, "consult.choose"))
    if form.get("digest") != view.request.digest:
        raise Refused("request.changed", say(request, "approve.changed"), say(request, "refused.reload"))
    now = desk.clock.now()
    if sum(not one.is_over(now) for one in desk.consultations.of(view.request.request_id)) >= MOST_COPIES:
        raise Refused("consult.many", say(request, "consult.many", count=MOST_COPIES), say(request, "consult.end_one"))
    secret = secrets.token_urlsafe(32)
    statement = Consultation(
        realm=desk.city.realm,
        officer=session.officer,
        request_id=view.request.request_id,
        digest=view.request.digest,
        token_sha256=canonical.sha256(secret.encode()),
        issued_at=now,
        expires_at=now + lifetime,
        nonce=secrets.token_hex(16),
    )

    async def finish(envelope: Envelope) -> str:
        desk.roster.forget()
        refuse_unsigned(envelope, statement, (await desk.roster.officers()).get(session.officer))
        desk.consultations.made(envelope, session.officer, desk.clock.now())
        session.copies[statement.request_id] = secret
        return f"/messages/{statement.request_id}/copies"

    return to_be_signed(request, CONSULTATION_TYPE, statement, finish)


async def end(request: web.Request) -> web.Response:
    """End a copy at once: its maker may, and whoever may make one."""
    desk, session = desk_of(request), session_of(request)
    request_id, name = check_id(request.match_info["id"], "request"), request.match_info["token_sha256"]
    copy = desk.consultations.known().get(name)
    if copy is None or copy.statement.request_id != request_id:
        raise web.HTTPNotFound
    if copy.statement.officer != session.officer and not may_make((await desk.roster.officers()).get(session.officer)):
        raise Refused("consult.role", say(request, "consult.not_yours"), say(request, "consult.ask"))
    if not copy.is_over(desk.clock.now()):
        desk.consultations.ended(name, session.officer, desk.clock.now())
    raise web.HTTPSeeOther(f"/messages/{request_id}/copies")


async def shown_copy(request: web.Request) -> tuple[RequestView, Consultation]:
    """Return what a link opens, and what was signed for it; raises BadInput ``consult.over``."""
    desk = desk_of(request)
    officers, now = await desk.roster.officers(), desk.clock.now()
    copy = copy_of(request.match_info["secret"], desk.consultations.known(), desk.city.realm, officers, now)
    view = await desk.connection.request(copy.statement.request_id, most=0)
    if view.request.digest != copy.statement.digest:
        raise over()  # a newer version took its place: what was consulted about is not what will go out
    return view, copy.statement


async def read(request: web.Request) -> web.Response:
    """Show a copy to whoever has its link. It shows nothing else, and leads nowhere."""
    desk = desk_of(request)
    view, statement = await shown_copy(request)
    response = desk.fill(
        request,
        "copy.html",
        None,
        view=view,
        statement=statement,
        fingerprint=words_of(view.request),
        renderings=shown.renderings(view.request.renderings),
        place=f"/consult/{request.match_info['secret']}",
        posts=shown.posts(view),
        refresh=False,
    )
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
