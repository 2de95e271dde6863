"""The city's own pages: its state, its people, its profiles, its health."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from schemas.events.desk import AuthorityView, BoardQuery
from services.desk.views.message.outcome import expiry_of
from services.desk.views.state import authority, authority_health, health, machine_health
from services.kernel.base.errors import Unreachable
from services.web.desk import WebDesk, desk_of, session_of
from services.web.pages.messages import at_least
from services.web.pages.orders import fitting

SOON = timedelta(days=30)
_STATEMENTS = ("purpose", "identification", "disclosure")


async def state(request: web.Request) -> web.Response:
    """Show what the city is in, and what its EOC can do about it."""
    desk = desk_of(request)
    eoc = await desk.connection.eoc(at_least(request))
    me = (await desk.roster.officers()).get(session_of(request).officer)
    return desk.fill(request, "state.html", eoc, eoc=eoc, deeds=fitting(eoc, me), here="state")


async def people(request: web.Request) -> web.Response:
    """Show who holds which role, what expires, and what waits for a second officer."""
    desk = desk_of(request)
    officers = (await desk.connection.board(BoardQuery(query="officers", at_least=at_least(request)))).officers or ()
    view = await authority_of(desk)
    now = desk.clock.now()
    rows = [(one, expiry_of(one) if expiry_of(one) - now < SOON else None) for one in officers]
    proposals = [(one, authority.sentence(one.action)) for one in view.proposals]
    return await desk.page(
        request,
        "people.html",
        refresh=not proposals,
        rows=rows,
        proposals=proposals,
        authority=view,
        settings=authority.settings_lines(view.settings),
        here="people",
    )


async def authority_of(desk: WebDesk) -> AuthorityView:
    """Return the root in force, the settings, and what waits for a second officer."""
    view = (await desk.connection.board(BoardQuery(query="authority"))).authority
    if view is None:
        raise Unreachable("service.unreadable", "the board did not say the settings", "onevoice doctor")
    return view


async def profiles(request: web.Request) -> web.Response:
    """Show the official profiles, and what keeps one from being posted to."""
    desk = desk_of(request)
    found = (await desk.connection.board(BoardQuery(query="profiles"))).profiles or ()
    rows = [(one, [name for name in _STATEMENTS if not getattr(one, name).strip()]) for one in found]
    return await desk.page(request, "profiles.html", rows=rows, here="profiles")


async def findings(request: web.Request) -> web.Response:
    """Show what the doctor finds from what the city says of itself."""
    desk = desk_of(request)
    now, eoc = desk.clock.now(), await desk.connection.eoc()
    officers = (await desk.connection.board(BoardQuery(query="officers"))).officers or ()
    dead = (await desk.connection.board(BoardQuery(query="dead"))).dead_letters or ()
    strange = (await desk.connection.board(BoardQuery(query="outside"))).outside or ()
    lines = [
        *health.services(eoc),
        health.waits(eoc.services),
        machine_health.clock(eoc.services, now),
        health.dead_letters(len(dead)),
        health.outside_posts(strange),
        health.watched_profiles(eoc.services),
        *authority_health.lines(await authority_of(desk), officers, now),
        *health.expiries(officers, now),
    ]
    ranked = sorted(lines, key=lambda line: -list(health.Level).index(line.level))
    return desk.fill(request, "health.html", eoc, lines=ranked, here="health")
