"""An officer's word on a message: approve, reject, withdraw, and what became of a post that nobody knows about."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from aiohttp import web
from pydantic import ValidationError

from schemas import subjects
from schemas.events.control import Withdraw
from schemas.events.desk import ApprovalReply, RequestView, ResolutionReply
from schemas.events.envelope import APPROVAL_TYPE, RESOLUTION_TYPE, Envelope
from schemas.fingerprint import words_of
from schemas.platforms import MIRROR
from services.desk import statements
from services.desk.commands.message.resolve import decision_of, unconfirmed_on
from services.desk.statements import Circumstances
from services.desk.words import check_id, reason_text
from services.kernel.base.errors import BadInput, Refused
from services.web.desk import WebDesk, desk_of, say, session_of, to_be_signed
from services.web.domain import shown
from services.web.pages.city import authority_of
from services.web.pages.messages import difference
from services.web.pages.orders import order_to_be_signed

Verb = Literal["approve", "reject", "return"]


async def approve_page(request: web.Request) -> web.Response:
    """Show what an approval covers, and a box to tick that names how far it goes."""
    desk = desk_of(request)
    view = await _view(request)
    eoc = await desk.connection.eoc()
    return desk.fill(
        request,
        "approve.html",
        eoc,
        view=view,
        fingerprint=words_of(view.request),
        item=shown.inbox_item(view, desk.clock.now()),
        waits=shown.waits_for_decision(view),
        renderings=shown.renderings(view.request.renderings),
        difference=await difference(desk, view),
        revised=shown.revised(view),
        advice=desk.texts(request).needs(eoc.posture, view.request.scope, view.request.crisis),
        refresh=False,
        here="inbox",
    )


async def reject_page(request: web.Request) -> web.Response:
    """Ask why a message is rejected."""
    return await _reason_page(request, "reject")


async def return_page(request: web.Request) -> web.Response:
    """Ask what has to change in a message."""
    return await _reason_page(request, "return")


async def withdraw_page(request: web.Request) -> web.Response:
    """Ask why a message is withdrawn."""
    return await _reason_page(request, "withdraw")


async def _reason_page(request: web.Request, verb: str) -> web.Response:
    view = await _view(request)
    item = shown.inbox_item(view, desk_of(request).clock.now())
    return await desk_of(request).page(request, "reason.html", view=view, item=item, verb=verb, refresh=False)


async def resolve_page(request: web.Request) -> web.Response:
    """Ask what an officer found on a profile whose post is unconfirmed."""
    view, profile = await _view(request), check_id(request.match_info["profile"], "profile")
    item = unconfirmed_on(view, profile)
    anew = item.profile == MIRROR
    recall = view.request.act == "recall" and not anew
    return await desk_of(request).page(
        request, "resolve.html", view=view, delivery=item, anew=anew, recall=recall, refresh=False
    )


async def _view(request: web.Request) -> RequestView:
    return await desk_of(request).connection.request(check_id(request.match_info["id"], "request"))


# --- what is signed ------------------------------------------------------------------------------------------


async def approve(request: web.Request) -> web.Response:
    """Have an approval signed over the very renderings that the page showed."""
    desk, form = desk_of(request), await request.post()
    view = await _view(request)
    if form.get("sure") != str(len(view.request.targets)):
        raise BadInput("confirm.needed", say(request, "approve.unsure"), say(request, "approve.tick"))
    if view.request.screening and form.get("acknowledge") != "yes":
        raise BadInput("screening.unacknowledged", say(request, "approve.unread"), say(request, "approve.tick"))
    _refuse_another(request, view, form.get("digest"))
    return await _decide(request, desk, view, "approve", "")


async def reject(request: web.Request) -> web.Response:
    """Have a rejection signed, with its reason; it is final."""
    return await _say_no(request, "reject")


async def send_back(request: web.Request) -> web.Response:
    """Have signed that a message goes back to be changed, with the reason."""
    return await _say_no(request, "return")


async def _say_no(request: web.Request, verb: Verb) -> web.Response:
    view, form = await _view(request), await request.post()
    _refuse_another(request, view, form.get("about"))
    return await _decide(request, desk_of(request), view, verb, reason_of(form.get("reason")))


def _refuse_another(request: web.Request, view: RequestView, digest: object) -> None:
    """Refuse a decision on another version of a message than its page showed."""
    if digest != view.request.digest:
        raise Refused("request.changed", say(request, "approve.changed"), say(request, "refused.reload"))


async def _decide(request: web.Request, desk: WebDesk, view: RequestView, verb: Verb, reason: str) -> web.Response:
    settings = (await authority_of(desk)).settings
    statement = statements.decision_statement(
        view.request,
        Circumstances.shown(view.request),
        realm=desk.city.realm,
        officer=session_of(request).officer,
        verb=verb,
        now=desk.clock.now(),
        lifetime=timedelta(seconds=settings.approval_seconds),
        reason=reason,
    )

    async def finish(envelope: Envelope) -> str:
        signed = statements.approval(statement, envelope)
        reply = await desk.connection.ask(subjects.DESK_APPROVAL_SUBMIT, signed, ApprovalReply)
        return f"/messages/{reply.request_id}?at={reply.seq}"

    return to_be_signed(request, APPROVAL_TYPE, statement, finish)


async def withdraw(request: web.Request) -> web.Response:
    """Have a withdrawal signed: what is not out yet stays back."""
    view, form = await _view(request), await request.post()
    request_id = view.request.request_id
    action = Withdraw(request_id=request_id, reason=reason_of(form.get("reason")))
    return order_to_be_signed(request, action, subjects.DESK_EOC_ORDER, f"/messages/{request_id}")


async def resolve(request: web.Request) -> web.Response:
    """Have an officer's finding on an unconfirmed post signed."""
    desk, view, form = desk_of(request), await _view(request), await request.post()
    item = unconfirmed_on(view, check_id(request.match_info["profile"], "profile"))
    if form.get("about") != str(item.receipt_seq):
        raise Refused("resolution.receipt", say(request, "resolve.changed"), say(request, "resolve.look"))
    chosen, url = str(form.get("decision", "")), str(form.get("url", "")).strip()
    choice, address = decision_of(url if chosen == "posted" else None, chosen == "post_again", chosen == "give_up")
    try:
        statement = statements.resolution_statement(
            view.request,
            realm=desk.city.realm,
            officer=session_of(request).officer,
            profile=item.profile,
            receipt_seq=item.receipt_seq,
            choice=choice,
            url=address,
            now=desk.clock.now(),
        )
    except ValidationError as error:
        raise BadInput("url.invalid", say(request, "resolve.no_url"), say(request, "resolve.copy")) from error

    async def finish(envelope: Envelope) -> str:
        signed = statements.resolved(statement, envelope)
        reply = await desk.connection.ask(subjects.DESK_DELIVERY_RESOLVE, signed, ResolutionReply)
        return f"/messages/{reply.request_id}?at={reply.seq}"

    return to_be_signed(request, RESOLUTION_TYPE, statement, finish)


def reason_of(given: object) -> str:
    """Return the reason that a form gives; raises BadInput ``reason.length``."""
    text = given if isinstance(given, str) else ""
    if not text.strip():
        raise BadInput("reason.length", "there is no reason yet", "Say why in a few words; it goes on record.")
    return reason_text(text.strip())
