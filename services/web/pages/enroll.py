"""A new passkey by a one-time link: the browser makes it, it signs its own enrolment, and other officers confirm it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web
from pydantic import ValidationError

from schemas import subjects
from schemas.events.desk import OrderReply
from schemas.events.enrolment import Enrolment, InviteView
from schemas.events.envelope import ENROLMENT_TYPE, Envelope
from services.kernel.authority.passkeys import passkey_code
from services.kernel.authority.registration import passkey_from
from services.kernel.base.errors import BadInput, Refused
from services.web.desk import desk_of
from services.web.domain.enrolling import asked, link_of, registration
from services.web.front import cookie_name
from services.web.pages.city import authority_of
from services.web.signing import KEPT_SECONDS, STRANGERS, Prepared, asked_of_browser, keep, part, signed, take

COOKIE = "enrolled"
CODE_SECONDS = 600.0
"""How long a browser is shown the code of the passkey that it has made."""


@dataclass(frozen=True)
class FinishedEnrolment:
    """A passkey that waits for its confirmation: the code that is read aloud, and the proposal's number."""

    code: str
    proposal: int | None
    until: float


@dataclass(frozen=True)
class BegunEnrolment:
    """A passkey that a browser was asked to make: for which link, under which name, with what to check its answer."""

    link: InviteView
    token: str
    label: str
    challenge: bytes
    until: float


async def enroll_page(request: web.Request) -> web.Response:
    """Show what the link is for; the script takes the token from the address, so that it reaches no log."""
    return desk_of(request).fill(request, "enroll.html", None, refresh=False)


async def begin(request: web.Request) -> web.Response:
    """Ask the browser to make a passkey for the officer whose link it is."""
    desk, form = desk_of(request), await request.post()
    token, label = str(form.get("token", "")).strip(), " ".join(str(form.get("label", "")).split())
    if not 1 <= len(label) <= 60:
        raise BadInput("enrolment.label", "the passkey needs a name of 1 to 60 characters", "As in: my phone")
    link = link_of(token, (await authority_of(desk)).invites or (), desk.city.web.place)
    desk.roster.forget()
    view = (await desk.roster.officers()).get(link.officer)
    if view is None or view.revoked:
        raise Refused("officer.gone", f"{link.officer} is no officer now", "Ask another officer what happened.")
    options, challenge = asked(view, desk.city.web.place, desk.city.settings.city.name)
    now = desk.clock.monotonic()
    key = keep(desk.enrolments, BegunEnrolment(link, token, label, challenge, now + KEPT_SECONDS), now, STRANGERS)
    return web.json_response({"create": options, "then": f"/enroll/made/{key}"})


async def made(request: web.Request) -> web.Response:
    """Check the new passkey, and have it sign its own enrolment."""
    desk, form = desk_of(request), await request.post()
    now = desk.clock.monotonic()
    begun = take(desk.enrolments, request.match_info["key"], now)
    place = desk.city.web.place
    answer = registration(part(form, "credential"), part(form, "client_data"), part(form, "attestation"))
    passkey = passkey_from(answer, begun.challenge, place, begun.label)
    at = desk.clock.now()
    try:
        statement = Enrolment(
            realm=desk.city.realm,
            officer=begun.link.officer,
            token=begun.token,
            passkey=passkey,
            issued_at=at,
            expires_at=at + timedelta(seconds=KEPT_SECONDS),
        )
    except ValidationError as error:
        raise BadInput("enrolment.link", "this link is not complete", "Open it again, as you got it.") from error

    async def finish(envelope: Envelope) -> str:
        reply = await desk.connection.ask(subjects.DESK_WEB_ENROLL, envelope, OrderReply)
        until = desk.clock.monotonic() + CODE_SECONDS
        enrolled = FinishedEnrolment(passkey_code(passkey), reply.proposal, until)
        return keep(desk.enrolled, enrolled, desk.clock.monotonic(), STRANGERS)

    prepared = Prepared(ENROLMENT_TYPE, statement, finish, now + KEPT_SECONDS)
    key = keep(desk.strangers, prepared, now, STRANGERS)
    return asked_of_browser(ENROLMENT_TYPE, statement, place.rp_id, (passkey.credential,), f"/enroll/signed/{key}")


async def finished(request: web.Request) -> web.Response:
    """Send the enrolment on; the browser that made the passkey is given a cookie, by which it alone is shown the code.

    Whoever intercepted a link would else send the officer to a genuine page that shows the code of another passkey.
    """
    desk = desk_of(request)
    prepared = take(desk.strangers, request.match_info["key"], desk.clock.monotonic())
    envelope = signed(prepared.payload_type, prepared.statement, await request.post())
    key = await prepared.finish(envelope)
    response = web.json_response({"to": "/enroll/done"})
    response.set_cookie(
        cookie_name(desk, COOKIE),
        key,
        max_age=int(CODE_SECONDS),
        httponly=True,
        secure=desk.origin.secure,
        samesite="Strict",
        path="/",
    )
    return response


async def done(request: web.Request) -> web.Response:
    """Say that another officer has to confirm it, and by which code they know it."""
    desk = desk_of(request)
    found = desk.enrolled.get(request.cookies.get(cookie_name(desk, COOKIE), ""))
    if found is None or found.until <= desk.clock.monotonic():
        raise web.HTTPNotFound
    code, proposal = found.code, found.proposal
    return desk.fill(request, "enrolled.html", None, code=code, proposal=proposal, refresh=False)
