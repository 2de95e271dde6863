"""The middlewares: which requests are answered at all, and errors as pages that say how to go on."""

from __future__ import annotations

import re
import secrets
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Handler

from services.desk.views.hints import hint_in
from services.desk.views.timetext import in_city_time, read_in
from services.kernel.base import logs
from services.kernel.base.errors import BadInput, OneVoiceError, Refused, Unreachable
from services.web.desk import DESK, HOLES, PLACE, SESSION, WebDesk, desk_of, language_of, say, session_of
from services.web.domain.language import LANGUAGES
from services.web.domain.sentences import Sentence
from services.web.domain.sign_in import passkey_of
from services.web.drafts import DRAFT_PATH
from services.web.limits import FORMS, SIGN_IN, place_of
from services.web.security import add_headers
from services.web.sessions import WebSession
from services.web.sharing.shared import Holes, SharedPage

COOKIE = "onevoice"
PUBLIC = ("/sign-in", "/enroll", "/static/", "/consult/", "/worker.js")
"""Where nobody has to be signed in."""

_STATUS = ((Unreachable, 503), (Refused, 403), (BadInput, 400))
_CODES = {
    "request.unknown": 404,
    "request.id": 404,
    "request.ambiguous": 404,
    "request.many": 404,
    "draft.unknown": 404,
    "outside.unknown": 404,
    "consult.over": 404,
    "session.ended": 401,
    "web.too_often": 429,
}


@web.middleware
async def own_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer only under the one origin: another name may be a trick, and plain HTTP shows what is sent."""
    desk = desk_of(request)
    why = desk.origin.refuses(request)
    if why is None:
        return await handler(request)
    text = say(request, f"refused.{why}", origin=desk.origin.text)
    response = web.Response(text=text + "\n", status=421 if why == "host" else 403)
    add_headers(response, desk.origin.secure)
    return response


@web.middleware
async def errors_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Show what went wrong, what it means, and what to do; never a traceback."""
    desk = desk_of(request)
    read_in(desk.city.zone)
    hint_in(desk.city.realm)
    try:
        return await handler(request)
    except OneVoiceError as error:
        return await _error_page(request, status_of(error), error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        catalogue = desk.catalogues[language_of(request)]
        hint = "http.hint_404" if error.status == 404 else "http.hint"
        said = BadInput(f"http.{error.status}", catalogue.texts.one_of("http", str(error.status)), say(request, hint))
        return await _error_page(request, error.status, said)
    except Exception:  # noqa: BLE001 - logged whole; a person gets a page, never a traceback
        logs.logger(realm=desk.city.realm).exception("a page could not be made", path=request.path)
        said = BadInput("web.bug", say(request, "http.500"), say(request, "http.hint"))
        return await _error_page(request, 500, said)


@web.middleware
async def own_forms(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take forms only from pages of this origin, with the session's own token, and not too many."""
    if request.method in ("GET", "HEAD"):
        return await handler(request)
    desk, session = desk_of(request), request.get(SESSION)
    if not desk.origin.is_own(request):
        raise Refused(
            "web.foreign", say(request, "refused.foreign"), say(request, "refused.open", origin=desk.origin.text)
        )
    now = desk.clock.monotonic()
    if session is None:
        desk.limiter.take(SIGN_IN, place_of(address_of(request)), now)
    else:
        desk.limiter.take(FORMS, session.number, now)
        if DRAFT_PATH.fullmatch(request.path):
            return await handler(request)  # its address is a secret: a page of the session before keeps what was typed
        given = (await request.post()).get("csrf")
        if not isinstance(given, str) or not secrets.compare_digest(given.encode(), session.csrf.encode()):
            raise Refused("web.form", say(request, "refused.form"), say(request, "refused.reload"))
    try:
        return await handler(request)
    finally:
        if session is not None:
            session.acted = desk.clock.monotonic()


@web.middleware
async def signed_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find who is signed in; who is not goes to sign in, and comes back to where they were."""
    desk = desk_of(request)
    request[PLACE] = desk.hub.seq
    session = await found_session(request)
    if session is not None:
        request[SESSION] = session
        by_itself = request.headers.get("HX-Request") is not None and request.method == "GET"
        if not by_itself and request.path != "/events":
            session.used = desk.clock.now()  # what a page asks for by itself keeps nobody signed in; typing does
    elif not request.path.startswith(PUBLIC):
        return await _to_sign_in(request, handler)
    return await handler(request)


SHARED = re.compile(r"/|/state|/messages|/messages/[A-Za-z0-9_-]+|/holding|/outside|/profiles|/health")
"""Pages that are the same for each officer, but for the session's token."""

ORDERS = "/state"
"""A page that is the same for those of the same roles: it offers the orders that they may give."""


@web.middleware
async def one_for_all(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Make a page once for all who open it, or load it again because the same news came; each gets its own token."""
    session, desk = request.get(SESSION), desk_of(request)
    if session is None or request.method != "GET" or not SHARED.fullmatch(request.path):
        return await handler(request)

    async def make() -> SharedPage:
        request[PLACE], request[HOLES] = desk.hub.seq, (holes := Holes())
        try:
            made = await handler(request)
        finally:
            request.pop(HOLES)  # an error is shown to each for itself
        if not isinstance(made, web.Response) or made.status != 200 or made.text is None:
            raise Unreachable("service.unreadable", "this page cannot be made now", "onevoice doctor")
        return SharedPage(made.text, holes)

    roles = await _roles(desk, session) if request.path == ORDERS else frozenset()
    name = (request.path_qs, session.language, roles)
    if request.headers.get("HX-Request") is None:
        return (await desk.shared.opened(name, make, session.acted)).filled(session)
    return (await desk.shared.renewed(name, make)).filled(session)


async def _roles(desk: WebDesk, session: WebSession) -> frozenset[str]:
    view = (await desk.roster.officers()).get(session.officer)
    return frozenset(grant.role.value for grant in view.grants_now) if view else frozenset()


async def found_session(request: web.Request) -> WebSession | None:
    """Return the session of a browser's cookie, unless it is over, or its officer or passkey counts no more."""
    desk = desk_of(request)
    session = desk.sessions.find(request.cookies.get(cookie_name(desk), ""), desk.clock.now())
    if session is None:
        return None
    view = (await desk.roster.officers()).get(session.officer)
    if passkey_of(view, session.credential) is None:
        desk.sessions.end(session.officer, session.number)
        return None
    return session


async def _to_sign_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path == "/events" or (request.method == "POST" and DRAFT_PATH.fullmatch(request.path)):
        return await handler(request)  # the stream says it in words; a draft keeps what was typed
    if request.headers.get("HX-Request") or request.headers.get("Accept") == "application/json":
        session_of(request)
    back = request.path_qs if request.method == "GET" else "/"
    raise web.HTTPSeeOther(f"/sign-in?{urlencode({'next': back})}")


def cookie_name(desk: WebDesk, name: str = COOKIE) -> str:
    """Return a cookie's name: with TLS one that no other host or path can set; a host's ports share their cookies."""
    name = name if desk.city.realm == "live" else f"{name}-{desk.city.realm}"
    return f"__Host-{name}" if desk.origin.secure else name


def address_of(request: web.Request) -> str:
    """Return who asks: behind the proxy, as it says."""
    forwarded = request.headers.get("X-Forwarded-For", "") if desk_of(request).origin.secure else ""
    return forwarded.rpartition(",")[2].strip() or request.remote or "unknown"


def status_of(error: OneVoiceError) -> int:
    """Return the HTTP status for an error."""
    if error.code in _CODES:
        return _CODES[error.code]
    return next((status for family, status in _STATUS if isinstance(error, family)), 500)


async def _error_page(request: web.Request, status: int, error: OneVoiceError) -> web.StreamResponse:
    desk = desk_of(request)
    if request.headers.get("Accept") == "application/json":
        return web.json_response({"error": _fault_for_script(request, error)}, status=status)
    return await desk.page_if_blind(request, "error.html", status, error=error, refresh=False)


def _fault_for_script(request: web.Request, error: OneVoiceError) -> dict[str, object]:
    """Return a fault as the pages' scripts show it: each line with its language, and the field that it is about."""
    language = language_of(request)
    fault = desk_of(request).catalogues[language].faults.of(error)
    lines = [line for line in (fault.said, fault.hint, fault.detail) if line]
    tongues = [language if isinstance(line, Sentence) else LANGUAGES[0] for line in lines]
    return {
        "code": error.code,
        "message": in_city_time(fault.said),
        "hint": in_city_time(fault.hint),
        "lines": [[in_city_time(line), tongue] for line, tongue in zip(lines, tongues, strict=True)],
        "field": fault.field,
    }


async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """Put the security headers on whatever is answered."""
    add_headers(response, request.app[DESK].origin.secure)
