"""What every page needs: the city, its connection, the templates; made once, in ``wiring``."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from schemas.events.base import Contract
from schemas.events.desk import EocView
from services.desk.views.hints import hint_in
from services.desk.views.timetext import read_in
from services.kernel.base.city import City
from services.kernel.base.clock import Clock
from services.kernel.base.errors import OneVoiceError, Refused
from services.web.connection import CityConnection
from services.web.consultations import ConsultationRegister
from services.web.domain.language import asked_language
from services.web.domain.sentences import Sentence
from services.web.drafts import DraftFolder
from services.web.hub import Hub
from services.web.limits import RateLimiter
from services.web.news_stream import NewsStream
from services.web.push.devices import WokenDevices
from services.web.render import Catalogue, Texts
from services.web.roster import Roster
from services.web.security import Origin, policy
from services.web.sessions import WebSession, WebSessions
from services.web.sharing.shared import Holes, SharedPages
from services.web.signing import KEPT_SECONDS, Finish, Prepared, asked_of_browser, keep
from services.web.tickets import SignInTickets


@dataclass(frozen=True)
class Head:
    """The top of a page: what the city is in. ``eoc`` is None while the city does not answer."""

    eoc: EocView | None
    posture: str
    alarm: bool


@dataclass
class WebDesk:
    """The pages of one realm of a city."""

    city: City
    connection: CityConnection
    hub: Hub
    news: NewsStream
    shared: SharedPages
    origin: Origin
    clock: Clock
    catalogues: Mapping[str, Catalogue]
    roster: Roster
    drafts: DraftFolder
    consultations: ConsultationRegister
    devices: WokenDevices
    sessions: WebSessions = field(default_factory=WebSessions)
    limiter: RateLimiter = field(default_factory=RateLimiter)
    strangers: dict[str, Prepared] = field(default_factory=dict)
    """Enrolments that wait for the signature of the new passkey."""
    tickets: SignInTickets = field(default_factory=SignInTickets)
    enrolments: dict[str, Any] = field(default_factory=dict)
    """Passkeys that browsers were asked to make."""
    enrolled: dict[str, Any] = field(default_factory=dict)
    """Passkeys that were made, and wait for another officer."""

    def texts(self, request: web.Request) -> Texts:
        """Return the catalogue in the language of a request's page."""
        return self.catalogues[language_of(request)].texts

    async def page(self, request: web.Request, template: str, /, status: int = 200, **values: Any) -> web.Response:
        """Fill in a page: its own values, and the top that all have. Raises OneVoiceError."""
        eoc = await self.connection.eoc()
        return self.fill(request, template, eoc, status, **values)

    async def page_if_blind(self, request: web.Request, template: str, /, status: int, **values: Any) -> web.Response:
        """Fill in a page that is shown also while the city does not answer."""
        try:
            eoc = await self.connection.eoc()
        except OneVoiceError:
            eoc = None
        return self.fill(request, template, eoc, status, **values)

    def fill(
        self, request: web.Request, template: str, eoc: EocView | None, /, status: int = 200, **values: Any
    ) -> web.Response:
        """Fill in a page with what the city was a moment ago."""
        read_in(self.city.zone)
        hint_in(self.city.realm)
        session: WebSession | None = request.get(SESSION)
        holes: Holes | None = request.get(HOLES)
        now, catalogue = self.clock.now(), self.catalogues[language_of(request)]
        nonce = holes.nonce if holes else secrets.token_urlsafe(16)
        place = request.get(PLACE, self.hub.seq)
        shown = {
            "city": self.city.settings.city.name,
            "realm": self.city.realm,
            "head": _head(eoc, catalogue.texts),
            "path": request.path_qs,
            "now": now,
            "seq": min(eoc.last_seq, place) if eoc else place,
            "language": catalogue.texts.language,
            "refresh": True,
            "about": (),
            "here": "",
            "session": replace(session, csrf=holes.csrf, officer=holes.officer) if session and holes else session,
            "nonce": nonce,
            "ends": holes.ends if holes else session.ends_at_clock() if session else "",
        }
        body = catalogue.templates.get_template(template).render(shown | values)
        headers = {"Content-Security-Policy": policy(nonce)}
        return web.Response(text=body, content_type="text/html", status=status, headers=headers)


def _head(eoc: EocView | None, texts: Texts) -> Head:
    if eoc is None:
        return Head(None, texts("head.unknown"), True)
    posture = texts.one_of("posture", eoc.posture.value)
    if eoc.level is not None:
        posture = texts("head.level", posture=posture, level=eoc.level)
    if eoc.incident:
        posture = texts("head.incident", posture=posture, incident=eoc.incident)
    return Head(eoc, posture, eoc.posture.value != "routine")


DESK: web.AppKey[WebDesk] = web.AppKey("desk", WebDesk)


def desk_of(request: web.Request) -> WebDesk:
    """Return what a request's page needs."""
    return request.app[DESK]


SESSION: web.RequestKey[WebSession] = web.RequestKey("session", WebSession)
HOLES: web.RequestKey[Holes] = web.RequestKey("holes", Holes)
PLACE: web.RequestKey[int] = web.RequestKey("place", int)
"""The newest entry when the work on a page began: what it shows is at least as new."""


def language_of(request: web.Request) -> str:
    """Return the language of a request's page: the session's, or without one what the browser asks for."""
    session: WebSession | None = request.get(SESSION)
    return session.language if session else asked_language(request.headers.get("Accept-Language", ""))


def say(request: web.Request, key: str, **values: object) -> Sentence:
    """Return a sentence of the catalogue, in the language of a request's page."""
    return desk_of(request).texts(request)(key, **values)


def session_of(request: web.Request) -> WebSession:
    """Return who is signed in; raises Refused ``session.ended``."""
    found: WebSession | None = request.get(SESSION)
    if found is None:
        raise Refused("session.ended", "you are not signed in any more; nothing was sent", "Sign in again.")
    return found


def to_be_signed(request: web.Request, payload_type: str, statement: Contract, finish: Finish) -> web.Response:
    """Keep a statement, and have the page's script ask one of the officer's passkeys to sign it."""
    desk, session = desk_of(request), session_of(request)
    now = desk.clock.monotonic()
    prepared = Prepared(payload_type, statement, finish, now + KEPT_SECONDS)
    key = keep(session.prepared, prepared, now)
    return asked_of_browser(payload_type, statement, desk.origin.rp_id, (session.credential,), f"/sign/{key}")
