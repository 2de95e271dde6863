"""Orders of the EOC: activate, change, stand down, declare and end a crisis, hold and release."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from schemas import subjects
from schemas.events import control as c
from schemas.events.desk import EocView, OfficerView, OrderReply
from schemas.events.envelope import ORDER_TYPE, Envelope
from schemas.roles import WHO_MAY_ORDER
from services.desk import statements
from services.desk.words import incident_name
from services.kernel.base.errors import BadInput
from services.web.desk import desk_of, say, session_of, to_be_signed

Form = Mapping[str, Any]


@dataclass(frozen=True)
class Deed:
    """One order: when it can be given, and the action that it is.

    ``asks``: fields of its form. ``about``: what it changes or ends, which the page has to have shown; 0 where nothing.
    """

    name: str
    kind: str
    fits: Callable[[EocView], bool]
    action: Callable[[EocView, Form], c.Action]
    asks: tuple[str, ...] = ()
    danger: bool = False
    about: Callable[[EocView], int] = lambda _view: 0


def _is_eoc(view: EocView) -> bool:
    return view.posture in (c.Posture.EOC_ACTIVATING, c.Posture.EOC_ACTIVE)


def _began(view: EocView) -> int:
    return view.began_seq


def _level(form: Form) -> Any:
    level = str(form.get("level", ""))
    if level not in ("1", "2", "3"):
        raise BadInput("level.missing", "no level was chosen", "Choose level 1, 2 or 3.")
    return int(level)


def _incident(form: Form) -> str:
    text = str(form.get("incident", ""))
    if not text.strip():
        raise BadInput("incident.name", "the incident has no name yet", "Name it in a few words.")
    return incident_name(text)


DEEDS = {
    deed.name: deed
    for deed in (
        Deed(
            "activate",
            "eoc_activate",
            lambda view: not _is_eoc(view),
            lambda _view, form: c.EocActivate(level=_level(form), incident=_incident(form)),
            asks=("level", "incident"),
            danger=True,
        ),
        Deed(
            "change",
            "eoc_change",
            _is_eoc,
            lambda view, form: c.EocChange(level=_level(form), incident=_incident(form), activation=view.began_seq),
            asks=("level", "incident"),
            about=_began,
        ),
        Deed(
            "stand-down",
            "eoc_stand_down",
            _is_eoc,
            lambda view, _form: c.EocStandDown(activation=view.began_seq),
            danger=True,
            about=_began,
        ),
        Deed(
            "declare",
            "crisis_declare",
            lambda view: view.posture is c.Posture.ROUTINE,
            lambda _view, form: c.CrisisDeclare(incident=_incident(form)),
            asks=("incident",),
        ),
        Deed(
            "end",
            "crisis_end",
            lambda view: view.posture is c.Posture.CRISIS,
            lambda view, _form: c.CrisisEnd(crisis=view.began_seq),
            about=_began,
        ),
        Deed("hold", "hold", lambda view: not view.hold, lambda _view, _form: c.Hold(on=True), danger=True),
        Deed(
            "release",
            "hold",
            lambda view: view.hold,
            lambda view, _form: c.Hold(on=False, hold=view.hold_seq),
            about=lambda view: view.hold_seq,
        ),
    )
}


def fitting(view: EocView, officer: OfficerView | None) -> list[Deed]:
    """Return the orders that an officer can give now; whether they may is judged again by who carries them out."""
    roles = {grant.role for grant in officer.grants_now} if officer else set()
    return [deed for deed in DEEDS.values() if deed.fits(view) and roles & WHO_MAY_ORDER[deed.kind]]


async def order_page(request: web.Request) -> web.Response:
    """Show what an order does, and ask what it needs to know."""
    desk, deed = desk_of(request), _deed(request)
    eoc = await desk.connection.eoc()
    return desk.fill(request, "order.html", eoc, deed=deed, eoc=eoc, fits=deed.fits(eoc), here="state", refresh=False)


async def order(request: web.Request) -> web.Response:
    """Have an order signed and carried out."""
    desk, deed, form = desk_of(request), _deed(request), await request.post()
    if form.get("sure") != "yes":
        raise BadInput("confirm.needed", say(request, "order.unsure"), say(request, "approve.tick"))
    eoc = await desk.connection.eoc()
    about = deed.about(eoc)
    if not deed.fits(eoc) or (about and form.get("about") != str(about)):
        raise BadInput("order.past", say(request, "order.past"), say(request, "refused.reload"))
    try:
        action = deed.action(eoc, form)
    except ValidationError as error:
        raise BadInput("incident.name", "the incident's name is too long", "Use at most 500 characters.") from error
    return order_to_be_signed(request, action, subjects.DESK_EOC_ORDER, "/state")


def order_to_be_signed(request: web.Request, action: c.Action, to: str, shown: str) -> web.Response:
    """Have an order signed and sent to a desk subject; the page ``shown`` then knows of what it did."""
    desk = desk_of(request)
    statement = statements.order_statement(desk.city.realm, session_of(request).officer, action, desk.clock.now())

    async def finish(envelope: Envelope) -> str:
        reply = await desk.connection.ask(to, envelope, OrderReply)
        return f"{shown}?at={reply.control_seq}"

    return to_be_signed(request, ORDER_TYPE, statement, finish)


async def answer_proposal(request: web.Request) -> web.Response:
    """Have signed that a change of power is confirmed, or turned down."""
    form, number = await request.post(), request.match_info["number"]
    confirms = request.match_info["answer"] == "confirm"
    if confirms and form.get(f"sure-{number}") != "yes":
        raise BadInput("confirm.needed", say(request, "order.unsure"), say(request, "approve.tick"))
    try:
        make = c.Confirm if confirms else c.Decline
        action = make(proposal=int(number), order=str(form.get("order", "")))
    except ValueError as error:
        raise web.HTTPBadRequest from error
    return order_to_be_signed(request, action, subjects.DESK_REGISTRY_ORDER, "/people")


def _deed(request: web.Request) -> Deed:
    found = DEEDS.get(request.match_info["deed"])
    if found is None:
        raise web.HTTPNotFound
    return found
