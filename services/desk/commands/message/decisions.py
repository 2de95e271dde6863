"""``onevoice approve``, ``reject`` and ``return``: what an officer decides about a request, with a signature."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.desk import ApprovalReply, RequestView
from schemas.events.verdicts import Outcome
from services.desk import confirm, deadline, options, sent, session, statements
from services.desk.app import Invocation, command, group
from services.desk.commands.message.requests import earlier_of
from services.desk.connection.follow import fetch, follow, landing
from services.desk.session import Session
from services.desk.views.layout import width
from services.desk.views.message import advice, outcome
from services.desk.views.message import request as show
from services.desk.views.message.pending import pending_table
from services.desk.views.message.request import report
from services.desk.views.output import people_console
from services.desk.views.timetext import duration, in_city_time
from services.desk.words import check_id, reason_text
from services.kernel.authority.statements import signed
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit, Refused

app = group("Decide about a request.")
EACH_SECONDS = 5.0
"""How much longer the command may take for each of many requests."""

SHOWN = 20
"""How many of those that could not be rejected a person reads about."""


@command(app, "approve", "onevoice approve rab12 --as pio")
async def approve(
    desk: Invocation,
    request_id: options.RequestId,
    manner: options.SigningManner,
) -> int:
    """Approve a request with your signature, and watch it land.

    Your signature covers exactly the texts that are shown. Without a terminal to ask on, --yes confirms; what
    screening found, --acknowledge accepts. Exit status 3 means that something is still missing.
    """
    check_id(request_id, "request")
    wait, talk = duration(manner.wait, "wait.malformed").total_seconds(), people_console(desk.as_json)
    async with session.acting(desk, manner.officer) as here:
        view = await fetch(here.link, request_id)
        if outcome.exit_status(view) is Exit.DONE and outcome.settled(view):
            return _nothing_written(desk, view, f"{view.request.request_id} is posted everywhere already.")
        statements.checked_digest(view.request)
        if not desk.as_json:
            show.whole_request(talk, view.request, SystemClock().now(), await earlier_of(here, view), view.previous)
            state = await here.eoc()
            talk.print(Text(f"Posture: {advice.posture_line(state.posture, state.level, state.incident)}"))
        await confirm.screening(talk, statements.codes(view.request.screening), manner)
        asked = confirm.question(len(view.request.targets), view.request.scope, None)
        await confirm.releasing("this approves a message", *asked, manner.yes)
        reply = await _decide(here, view, "approve")
        with landing(talk, reply.seq) as look:
            view = await follow(here.link, reply.request_id, reply.seq, wait, look)
    return report(desk, talk, view)


@command(app, "reject", 'onevoice reject rab12 --as pio --reason "the road is open again"')
async def reject(
    desk: Invocation,
    reason: options.Reason,
    request_id: options.RequestIdOrAll = None,
    of: Annotated[
        str | None,
        typer.Option("--of", metavar="NAME", help="All that waits for an approval of this system or person."),
    ] = None,
    as_: options.ActsAs = None,
) -> int:
    """Reject a request with your signature. That is final; return sends it back to be changed.

    A new revision is shown first, and a person on a terminal is asked. With --of instead of a request it rejects all
    that somebody sent and nobody cleared: of a system that runs wild, or whose key was stolen.
    """
    if (request_id is None) == (of is None):
        raise BadInput("reject.which", "name one request, or somebody by --of", "onevoice reject ID, or --of NAME")
    if request_id is None:
        return await _reject_all(desk, str(of), reason, as_)
    return await _say_no(desk, request_id, "reject", reason, as_)


@command(app, "return", 'onevoice return rab12 --as pio --reason "name the reception centre"')
async def return_(
    desk: Invocation, request_id: options.RequestId, reason: options.Reason, as_: options.ActsAs = None
) -> int:
    """Send a request back to be changed, with your signature.

    It waits for a new revision (onevoice request --revise), which somebody else than you writes; and that one needs
    its approvals again. What is a new revision already is shown first, and a person on a terminal is asked.
    """
    return await _say_no(desk, request_id, "return", reason, as_)


async def _say_no(
    desk: Invocation, request_id: str, verb: Literal["reject", "return"], reason: str, as_: str | None
) -> int:
    check_id(request_id, "request")
    reason_text(reason)
    async with session.acting(desk, as_) as here:
        view = await fetch(here.link, request_id)
        if view.request.revision > 1:  # who decides may have read the one before
            talk, name = people_console(desk.as_json), f"revision {view.request.revision}, by {view.request.author}"
            show.whole_request(talk, view.request, SystemClock().now(), await earlier_of(here, view), view.previous)
            await confirm.deed(f"This {verb}s {name}.", yes=False)
        reply = await _decide(here, view, verb, reason)
        view = await follow(here.link, reply.request_id, reply.seq, 0.0, lambda _view: None)
    report(desk, people_console(desk.as_json), view)
    return Exit.DONE


def _nothing_written(desk: Invocation, view: RequestView, why: str) -> int:
    sent.only_looks()
    desk.answer(outcome.request_json(view), lambda out: out.print(Text(f"{why} Nothing was written.")))
    return Exit.DONE


async def _decide(
    here: Session, view: RequestView, verb: Literal["approve", "reject", "return"], reason: str = ""
) -> ApprovalReply:
    statement = statements.decision_statement(
        view.request,
        statements.Circumstances.shown(view.request),
        realm=here.realm,
        officer=here.user,
        verb=verb,
        now=SystemClock().now(),
        lifetime=timedelta(seconds=(await here.settings()).approval_seconds),
        reason=reason,
    )
    approval = statements.approval(statement, signed(here.signer, statement))
    return await here.link.ask(subjects.DESK_APPROVAL_SUBMIT, approval, ApprovalReply)


async def _reject_all(desk: Invocation, author: str, reason: str, as_: str | None) -> int:
    """Reject what waits of somebody, one by one; what ended meanwhile is named, and the others go on."""
    reason_text(reason)
    talk, left = people_console(desk.as_json), dict[str, str]()
    async with session.acting(desk, as_) as here:
        waiting = _uncleared(author, (await here.pending())[0])
        if not waiting:
            sent.only_looks()
            desk.answer({"rejected": [], "left": {}}, lambda out: out.print(Text(f"Nothing of {author} waits.")))
            return Exit.DONE
        count = f"{len(waiting)} request{'s' if len(waiting) != 1 else ''}"
        if not desk.as_json:
            pending_table(talk, waiting, SystemClock().now())
        await confirm.deed(f"This rejects {count} of {author}, for good.", yes=False)
        for view in waiting:
            deadline.allow(EACH_SECONDS)
            request_id = view.request.request_id
            if why := await _why_not_rejected(here, request_id, reason):
                left[request_id] = why
    rejected = [one.request.request_id for one in waiting if one.request.request_id not in left]

    def draw(out: Console) -> None:
        out.print(Text(f"Rejected: {len(rejected)} of {count} of {author}."))
        for request_id, why in list(left.items())[:SHOWN]:
            out.print(Text(f"Not {request_id}: {in_city_time(why)}"), width=width(out))
        if len(left) > SHOWN:
            out.print(Text(f"Nor {len(left) - SHOWN} more; --json names all."))

    desk.answer({"rejected": rejected, "left": left}, draw)
    return (Exit.PARTLY if rejected else Exit.REFUSED) if left else Exit.DONE


async def _why_not_rejected(here: Session, request_id: str, reason: str) -> str:
    """Reject one of many; return why it is not rejected, as what somebody approved meanwhile is not, or nothing."""
    try:
        await _decide(here, await fetch(here.link, request_id), "reject", reason)
    except (BadInput, Refused) as error:
        return error.message
    return ""


def _uncleared(author: str, views: Sequence[RequestView]) -> list[RequestView]:
    """Return what somebody sent and nothing is posted of yet; what was cleared is withdrawn, not rejected."""
    return [
        view
        for view in views
        if view.request.author == author and (view.verdict is None or view.verdict.outcome is Outcome.BLOCKED)
    ]
