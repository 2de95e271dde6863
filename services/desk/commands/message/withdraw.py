"""``onevoice withdraw``: stop what is not posted yet, and ask whether to take back what is."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.control import Withdraw
from schemas.events.desk import RequestView
from services.desk import confirm, options, sent, session
from services.desk.app import Invocation, command, group
from services.desk.commands.message.following import follow_up
from services.desk.connection.follow import fetch
from services.desk.views.hints import typed
from services.desk.views.message import outcome
from services.desk.views.message import request as show
from services.desk.words import check_id, reason_text
from services.kernel.base.errors import BadInput, Exit

app = group("Stop what is not posted yet.")


@command(app, "withdraw", 'onevoice withdraw rab12 --as fire-publisher --reason "wrong road"')
async def withdraw(
    desk: Invocation,
    request_id: options.RequestId,
    as_: options.ActsAs = None,
    reason: options.Reason = "withdrawn",
) -> int:
    """Stop what is not posted yet of a request.

    Posts that are out already stay, and are listed. On a terminal it asks whether to take them back too, as onevoice
    recall does.
    """
    check_id(request_id, "request")
    reason_text(reason)
    async with session.acting(desk, as_) as here:
        view = await fetch(here.link, request_id)
        whole_id, control_seq = view.request.request_id, None
        # Once withdrawn, refused or posted everywhere, it stays so: no order is needed, however old this answer is.
        if view.withdrawn or outcome.refused(view) or _everywhere(view):
            sent.only_looks()
        else:
            control_seq = (
                await here.order(subjects.DESK_EOC_ORDER, Withdraw(request_id=whole_id, reason=reason))
            ).control_seq
            view = await fetch(here.link, whole_id, control_seq)
        _answer(desk, view, control_seq)
        wanted = _can_be_recalled(view) and not desk.as_json and await _wants_recall()
    if not wanted:
        return Exit.DONE
    return await follow_up(desk, "recall", whole_id, options.MessageOptions(), options.PublishManner(officer=as_))


def _answer(desk: Invocation, view: RequestView, control_seq: int | None) -> None:
    whole_id = view.request.request_id

    def draw(out: Console) -> None:
        if control_seq is None:
            so = "is done everywhere already: nothing is left to stop"
            if view.withdrawn:
                so = "is withdrawn already"
            elif outcome.refused(view):
                so = "is refused already, and that is final: nothing is left to stop"
            out.print(Text(f"{whole_id} {so}. Nothing was written."))
        else:
            out.print(Text(f"Withdrawn: {whole_id}, at control revision {control_seq}."))
        show.deliveries(out, view.deliveries)
        if view.replaced_by is not None:
            out.print(Text(typed(f"{view.replaced_by} corrects it or takes it back: onevoice show {view.replaced_by}")))
        elif _can_be_recalled(view):
            out.print(Text("What is posted already stays there. To take it back:"))
            out.print(Text(typed(f"  onevoice recall {whole_id}")))

    written = {} if control_seq is None else {"control_seq": control_seq}
    desk.answer(outcome.request_json(view) | written, draw)


def _everywhere(view: RequestView) -> bool:
    """True when each post is out; the website's page of them follows in any case, as the policy asks."""
    return outcome.exit_status(view) is Exit.DONE and outcome.settled(view)


def _can_be_recalled(view: RequestView) -> bool:
    """Say whether something of it is out that a recall takes back: a recall, and what was replaced, it does not."""
    return outcome.delivered(view) > 0 and view.replaced_by is None and view.request.act != "recall"


async def _wants_recall() -> bool:
    """Ask on a terminal whether to take back what is out; where nobody can be asked, no."""
    if not confirm.interactive():
        return False
    try:
        await confirm.ask("Take it back now? [y/N]")
    except BadInput:
        return False
    return True
