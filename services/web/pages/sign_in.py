"""Signing in by passkey, the list of sessions, and signing out."""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

from aiohttp import web

from services.kernel.base.errors import OneVoiceError
from services.web.desk import SESSION, WebDesk, desk_of, language_of, session_of
from services.web.domain.language import LANGUAGES
from services.web.domain.sign_in import SIGN_IN_TYPE, SignIn, who_signed
from services.web.front import cookie_name
from services.web.push.sealing import point, word
from services.web.sessions import LONGEST, WebSession
from services.web.signing import asked_of_browser, signed, take


async def sign_in_page(request: web.Request) -> web.Response:
    """Show how to sign in; it says nothing of the city's state."""
    desk = desk_of(request)
    if request.get(SESSION) is not None:
        raise web.HTTPSeeOther(own_path(request.query.get("next", "/")))
    back = own_path(request.query.get("next", "/"))
    return desk.fill(request, "sign_in.html", None, back=back, refresh=False)


async def begin(request: web.Request) -> web.Response:
    """Ask the browser for a signature; ``officer`` helps a key that does not remember whose it is."""
    desk, form = desk_of(request), await request.post()
    now, back, name = desk.clock.monotonic(), own_path(str(form.get("next", "/"))), str(form.get("officer", "")).strip()
    asked = SignIn(
        realm=desk.city.realm,
        origin=desk.origin.text,
        issued_at=desk.clock.now(),
        nonce=secrets.token_hex(16),
    )
    known: tuple[str, ...] = ()
    if name:
        desk.roster.freshen()  # a key that was confirmed a moment ago can only be found if it is named
    if name and (view := (await desk.roster.officers()).get(name)):
        known = tuple(one.credential for one in view.officer.passkeys or ())
    then = f"/sign-in/{desk.tickets.sealed(asked, now)}?{urlencode({'next': back})}"
    return asked_of_browser(SIGN_IN_TYPE, asked, desk.origin.rp_id, known, then)


async def finish(request: web.Request) -> web.Response:
    """Open a session for whoever's passkey signed; raises Refused."""
    desk, back = desk_of(request), own_path(request.query.get("next", "/"))
    asked = desk.tickets.opened(request.match_info["key"], desk.clock.monotonic())
    envelope = signed(SIGN_IN_TYPE, asked, await request.post())
    desk.roster.freshen()
    officer, passkey = who_signed(envelope, (await desk.roster.officers()).values())
    desk.tickets.use(asked, desk.clock.monotonic())
    now = desk.clock.now()
    secret = desk.sessions.begin(
        WebSession(officer.id, passkey.credential, passkey.label, now, now, language_of(request))
    )
    response = web.json_response({"to": back})
    response.set_cookie(
        cookie_name(desk),
        secret,
        max_age=int(LONGEST.total_seconds()),
        httponly=True,
        secure=desk.origin.secure,
        samesite="Lax",
        path="/",
    )
    return response


async def sessions(request: web.Request) -> web.Response:
    """Show an officer's own sessions, each with its end."""
    desk, session = desk_of(request), session_of(request)
    found = desk.sessions.of(session.officer, desk.clock.now())
    return await desk.page(
        request,
        "sessions.html",
        found=found,
        languages=LANGUAGES,
        devices=desk.devices.of(session.officer),
        push_key=word(point(desk.devices.key().public_key())),
        here="sessions",
        refresh=False,
    )


async def stay(request: web.Request) -> web.Response:
    """Stay signed in: that it was asked is what renews the session."""
    session_of(request)
    if request.headers.get("HX-Request") is None:
        raise web.HTTPSeeOther("/")
    return web.Response(status=204)


async def choose_language(request: web.Request) -> web.Response:
    """Have the pages speak another language, in this session."""
    session, language = session_of(request), (await request.post()).get("language")
    if not isinstance(language, str) or language not in LANGUAGES:
        raise web.HTTPBadRequest
    session.language = language
    raise web.HTTPSeeOther("/sessions")


async def end_session(request: web.Request) -> web.Response:
    """End one of an officer's own sessions, this one too."""
    desk, session = desk_of(request), session_of(request)
    number = request.match_info["number"]
    desk.sessions.end(session.officer, number)
    raise _signed_out(desk) if number == session.number else web.HTTPSeeOther("/sessions")


def _signed_out(desk: WebDesk) -> web.HTTPSeeOther:
    gone = web.HTTPSeeOther("/sign-in")
    gone.del_cookie(cookie_name(desk), path="/", secure=desk.origin.secure)
    return gone


async def submit_signature(request: web.Request) -> web.Response:
    """Send on what a passkey signed; say where the browser goes then."""
    desk, session = desk_of(request), session_of(request)
    prepared = take(session.prepared, request.match_info["key"], desk.clock.monotonic())
    envelope = signed(prepared.payload_type, prepared.statement, await request.post())
    try:
        return web.json_response({"to": await prepared.finish(envelope)})
    except OneVoiceError:
        desk.roster.forget()
        raise


def own_path(text: str) -> str:
    """Return a path of these pages, or the first page for anything else: nobody is sent elsewhere."""
    plain = text.isascii() and text.isprintable() and "\\" not in text
    return text if plain and text.startswith("/") and not text.startswith("//") else "/"
