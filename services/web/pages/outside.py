"""Posts on official profiles that did not come through the gate, and an officer's word on each (HUM.11(A) 1)."""

from __future__ import annotations

import base64

from aiohttp import web

from schemas import subjects, unseen
from schemas.events.desk import BoardQuery
from schemas.events.envelope import ACKNOWLEDGEMENT_TYPE, Envelope
from schemas.events.outside import AcknowledgementReply, OutsideView
from schemas.roles import OFFICE_OR_APPROVER
from services.desk import statements
from services.desk.words import check_id
from services.kernel.base.errors import BadInput
from services.web.desk import desk_of, say, session_of, to_be_signed
from services.web.pages.decisions import reason_of
from services.web.pages.messages import at_least


async def outside(request: web.Request) -> web.Response:
    """List what waits for a look, or with ``all`` what an officer has seen, too; the newest first."""
    desk, whole = desk_of(request), "all" in request.query
    reply = await desk.connection.board(BoardQuery(query="outside", closed=whole or None, at_least=at_least(request)))
    found = tuple(reversed(reply.outside or ()))
    return await desk.page(request, "outside.html", found=found, whole=whole, plain=unseen.shown, here="outside")


async def outside_post(request: web.Request) -> web.Response:
    """Show one with all its words and what was kept of it, and ask what came of it."""
    desk, view = desk_of(request), await _view(request)
    me = (await desk.roster.officers()).get(session_of(request).officer)
    able = me is not None and any(grant.role in OFFICE_OR_APPROVER for grant in me.grants_now)
    return await desk.page(
        request, "outside_post.html", view=view, plain=unseen.shown, able=able, here="outside", refresh=False
    )


async def card(request: web.Request) -> web.Response:
    """Answer the picture of its words."""
    return _kept((await _view(request)).card, "image/jpeg")


async def record(request: web.Request) -> web.Response:
    """Answer what the platform said of it, as a file to keep; a browser never opens it as a page."""
    view = await _view(request)
    answer = _kept(view.record, "application/octet-stream")
    answer.headers["Content-Disposition"] = f'attachment; filename="{view.post.outside}.json"'
    return answer


async def acknowledge(request: web.Request) -> web.Response:
    """Have signed that an officer has seen it, and what came of it."""
    desk, view, form = desk_of(request), await _view(request), await request.post()
    if form.get("seq") != str(view.seq):
        raise BadInput("outside.changed", say(request, "outside.changed"), say(request, "refused.reload"))
    statement = statements.acknowledgement_statement(
        view,
        realm=desk.city.realm,
        officer=session_of(request).officer,
        reason=reason_of(form.get("reason")),
        now=desk.clock.now(),
    )

    async def finish(envelope: Envelope) -> str:
        signed = statements.acknowledged(statement, envelope)
        reply = await desk.connection.ask(subjects.DESK_OUTSIDE_ACKNOWLEDGE, signed, AcknowledgementReply)
        return f"/outside?at={reply.seq}"

    return to_be_signed(request, ACKNOWLEDGEMENT_TYPE, statement, finish)


async def _view(request: web.Request) -> OutsideView:
    name = check_id(request.match_info["id"], "outside")
    found = (await desk_of(request).connection.board(BoardQuery(query="outside", name=name))).outside
    if not found:
        raise BadInput("outside.unknown", f"there is no outside post {name}", "look it up under Posts from outside")
    return found[0]


def _kept(encoded: str | None, content_type: str) -> web.Response:
    if encoded is None:
        raise web.HTTPNotFound
    return web.Response(body=base64.b64decode(encoded), content_type=content_type)
