"""``onevoice eoc``: activate, stand-down, status, watch."""

from __future__ import annotations

import math
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.control import EocActivate, EocChange, EocStandDown, Posture
from schemas.events.desk import EocView, OrderReply
from services.desk import confirm, deadline, options, session
from services.desk.app import Invocation, command, group
from services.desk.commands.message.tasks import open_tasks
from services.desk.commands.posture import changes as posture
from services.desk.connection.changes import Watch
from services.desk.connection.follow import until_active
from services.desk.connection.live import until, until_interrupted
from services.desk.views.hints import typed
from services.desk.views.message import advice, outcome
from services.desk.views.output import people_console
from services.desk.views.state import city
from services.desk.words import incident_name
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import Exit

app = group("Activate the EOC, stand it down, see its state.", "onevoice eoc status")


@command(app, "activate", 'onevoice eoc activate --level 2 --incident "Fraser River flood" --as eoc-director')
async def activate(
    desk: Invocation,
    level: Annotated[int, typer.Option("--level", min=1, max=3, help="The level of activation.")],
    incident: options.Incident,
    as_: options.ActsAs = None,
    yes: options.Yes = False,
) -> int:
    """Activate the EOC: from now on each post needs its approval.

    It waits until nothing that was decided before is in flight any more, and says then that it is active. Where the
    EOC is active already, another level or incident changes it.
    """
    name, talk = incident_name(incident), people_console(desk.as_json)
    async with session.acting(desk, as_) as here:
        before = await here.eoc()
        action: EocActivate | EocChange = EocActivate(level=level, incident=name)
        if before.posture in (Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE):
            action = EocChange(level=level, incident=name, activation=before.began_seq)
        if (before.level, before.incident) != (level, name):
            await confirm.deed(_what(action, before), yes)
        reply = await here.order(subjects.DESK_EOC_ORDER, action)
        view = await until_active(here, reply, lambda count: talk.print(Text(_in_flight(count), style="yellow")))
        answer(desk, view, reply)
        if stopped := [task for task in await open_tasks(here) if task.stop]:
            talk.print(
                Text(typed(f"{len(stopped)} may not be entered by hand any more: onevoice tasks"), style="bold red")
            )
    return Exit.DONE


@command(app, "stand-down", "onevoice eoc stand-down --as eoc-director")
async def stand_down(desk: Invocation, as_: options.ActsAs = None, yes: options.Yes = False) -> int:
    """Stand the EOC down; what it held back stays held back."""
    async with session.acting(desk, as_) as here:
        before = await here.eoc()
        if before.posture is not Posture.ROUTINE:
            await confirm.deed(f"This stands the EOC down ({_posture(before)}).", yes)
        reply = await here.order(subjects.DESK_EOC_ORDER, EocStandDown(activation=before.began_seq))
        view = await here.eoc(reply.control_seq)
    answer(desk, view, reply)
    return Exit.DONE


@command(app, "status", "onevoice eoc status --json")
async def status(desk: Invocation, as_: options.AsksAs = None) -> int:
    """Say the posture, the incident, and what is in flight."""
    async with session.asking(desk, as_) as here:
        view = await here.eoc()
    answer(desk, view)
    return Exit.DONE


@command(app, "watch", "onevoice eoc watch")
async def watch(desk: Invocation, as_: options.AsksAs = None) -> int:
    """Show each change of the posture until Ctrl-C.

    While the city does not answer it tries again for a minute, and shows what came and went meanwhile, too.
    """
    async with session.asking(desk, as_) as here, here.link.listening(subjects.BOARD_ALL) as received:
        view = await here.eoc()
        watch, seen = Watch(here.link, received, view.last_seq), posture.report(desk, view, (), None)
        deadline.allow(math.inf)
        here.link.patient_until = math.inf
        async with until_interrupted() as stop:
            while reply := await until(stop, posture.next_after(seen, watch, here.link)):
                if reply.eoc is not None:
                    seen = posture.report(desk, reply.eoc, reply.postures or (), seen)
    return Exit.DONE


def answer(desk: Invocation, view: EocView, reply: OrderReply | None = None) -> None:
    """Print the posture; after an order that repeated what is so, say that nothing was written."""

    def draw(out: Console) -> None:
        if reply is not None and not reply.changed:
            out.print(Text(outcome.SO_ALREADY))
        city.eoc(out, view, SystemClock().now())

    said = {} if reply is None else {"changed": reply.changed}
    desk.answer(outcome.eoc_json(view) | said, draw)


def _what(action: EocActivate | EocChange, before: EocView) -> str:
    if isinstance(action, EocChange):
        return f"{_posture(before)}. This makes it level {action.level}: {action.incident}."
    return (
        f"This activates the EOC, level {action.level}: {action.incident}. "
        "From then on nothing is posted without its approval."
    )


def _posture(view: EocView) -> str:
    return advice.posture_line(view.posture, view.level, view.incident)


def _in_flight(count: int) -> str:
    posts = "1 post" if count == 1 else f"{count} posts"
    return f"activating, {posts} in flight"
