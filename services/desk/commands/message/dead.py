"""``onevoice dead``: list, show, again, drop."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import typer

from schemas import subjects
from schemas.events.dead import DeadLetterOrder, DeadLetterReply, DeadLetterView
from schemas.events.desk import BoardQuery
from services.desk import deadline, options, session, statements
from services.desk.app import Invocation, command, group
from services.desk.session import Session
from services.desk.views.state import dead_letters
from services.desk.views.timetext import duration
from services.desk.words import reason_text
from services.kernel.authority.statements import signed
from services.kernel.base.clock import SystemClock, monotonic
from services.kernel.base.errors import BadInput, Exit

app = group("See messages that services could not handle; send them again.", "onevoice dead list")

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The dead letter's number, from the list.", min=1)]

_LOOK_SECONDS = 0.2
_UNDER_WAY = frozenset({"open", "sent_again"})


@command(app, "list", "onevoice dead list --all")
async def list_(
    desk: Invocation,
    everything: Annotated[bool, typer.Option("--all", help="The closed ones too.")] = False,
    as_: options.AsksAs = None,
) -> int:
    """List the dead letters: messages that could not be read, or failed each time.

    None of them is lost: each is an entry of the ledger, and waits for a person.
    """
    async with session.asking(desk, as_) as here:
        views = await _list(here, everything)
    desk.answer(
        [dead_letters.as_json(view) for view in views],
        lambda out: dead_letters.table(out, views, SystemClock().now()),
    )
    return Exit.DONE


@command(app, "show", "onevoice dead show 3")
async def show(desk: Invocation, number: Number, as_: options.AsksAs = None) -> int:
    """Show one dead letter: why it failed, the message itself, and what became of it."""
    async with session.asking(desk, as_) as here:
        view = await _one(here, number)
    desk.answer(dead_letters.as_json(view), lambda out: dead_letters.whole(out, view, SystemClock().now()))
    return Exit.DONE


@command(app, "again", "onevoice dead again 3 --as mcpe\nonevoice dead again --all --as mcpe")
async def again(
    desk: Invocation,
    number: Annotated[
        int | None, typer.Argument(metavar="NUMBER", help="The dead letter's number; or --all.", min=1)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every open one, one after the other.")] = False,
    as_: options.ActsAs = None,
    wait: options.WaitForAnswer = "15s",
) -> int:
    """Send a dead letter again, once the cause is fixed.

    Its service gets the same ledger entry once more, and does nothing twice. Exit status 5 means that it failed again
    (a new dead letter says why), 3 that it is still under way.
    """
    if (number is None) != everything:
        raise BadInput("dead.which", "name one dead letter, or all of them", "onevoice dead again NUMBER, or --all")
    seconds = duration(wait, "wait.malformed").total_seconds()
    async with session.acting(desk, as_) as here:
        wanted = [number] if number is not None else [view.letter for view in await _list(here, False)]
        ended = [await _send_again(here, one, seconds) for one in wanted]
    shown = [dead_letters.as_json(view) for view in ended]
    desk.answer(shown if everything else shown[0], lambda out: dead_letters.outcomes(out, ended))
    return _status(ended)


@command(app, "drop", 'onevoice dead drop 3 --as mcpe --reason "a test by hand"')
async def drop(desk: Invocation, number: Number, reason: options.Reason, as_: options.ActsAs = None) -> int:
    """Close a dead letter without sending it again; its entry stays in the ledger."""
    said = reason_text(reason)
    async with session.acting(desk, as_) as here:
        await _order(here, await _one(here, number), "drop", said)
        view = await _one(here, number)
    desk.answer(dead_letters.as_json(view), lambda out: dead_letters.outcomes(out, [view]))
    return Exit.DONE


async def _list(here: Session, everything: bool) -> tuple[DeadLetterView, ...]:
    return (await here.board(BoardQuery(query="dead", closed=everything or None))).dead_letters or ()


async def _one(here: Session, number: int) -> DeadLetterView:
    views = (await here.board(BoardQuery(query="dead", letter=number))).dead_letters
    if not views:
        raise BadInput("dead.unknown", f"there is no dead letter {number}", "onevoice dead list")
    return views[0]


async def _send_again(here: Session, number: int, seconds: float) -> DeadLetterView:
    """Order it, and wait until it is closed or the time is over.

    It is asked for again and again: dead letters stand in a stream of their own, which the board does not pass on.
    """
    deadline.allow(seconds)
    await _order(here, await _one(here, number), "again")
    end = monotonic() + seconds
    while True:
        view = await _one(here, number)
        if view.state not in _UNDER_WAY or monotonic() > end:
            return view
        await asyncio.sleep(_LOOK_SECONDS)


async def _order(
    here: Session, view: DeadLetterView, what: Literal["again", "drop"], reason: str | None = None
) -> None:
    statement = statements.dead_letter_statement(
        view, what, realm=here.realm, officer=here.user, now=SystemClock().now(), reason=reason
    )
    order = DeadLetterOrder(officer=here.user, envelope=signed(here.signer, statement))
    await here.link.ask(subjects.DESK_DEAD_ORDER, order, DeadLetterReply)


def _status(ended: list[DeadLetterView]) -> int:
    states = {view.state for view in ended}
    if "failed_again" in states:
        return Exit.PARTLY
    return Exit.BLOCKED if states & _UNDER_WAY else Exit.DONE
