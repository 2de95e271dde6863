"""Orders that change control: signed here, carried out by eoc_state or registry."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.control import (
    Action,
    CrisisDeclare,
    CrisisEnd,
    EocActivate,
    EocStandDown,
    Hold,
    Posture,
    Withdraw,
)
from schemas.events.desk import BoardQuery, EocView, OrderReply
from services.desk import outcome, people, show, statements
from services.desk.app import Invocation
from services.desk.follow import fetch
from services.desk.link import Link, connect, run
from services.desk.output import people_console, print_json
from services.desk.words import check_id
from services.kernel.authority.signing import load_key
from services.kernel.base.clock import SystemClock, monotonic
from services.kernel.base.errors import BadInput, Exit, Refused, Unreachable

ACTIVE_SECONDS = 45.0
"""How long to wait for the barrier: the lease is 15 s (schemas.streams.LEASE_SECONDS), so this is plenty."""

_LOOK_SECONDS = 0.2


async def send(invocation: Invocation, link: Link, base: str, officer: str, action: Action) -> OrderReply:
    """Sign an order and have it carried out; return the answer. Raises OneVoiceError."""
    city = invocation.city()
    signer = load_key(city.key_path(officer))
    envelope = statements.order(signer, invocation.realm, officer, action, SystemClock().now())
    return await link.ask(base, envelope, OrderReply)


async def eoc_view(link: Link) -> EocView:
    """Return the posture as the ledger has it now."""
    reply = await link.board(BoardQuery(query="eoc"))
    if reply.eoc is None:
        raise Unreachable("service.unreadable", "the board did not say the posture", "onevoice doctor")
    return reply.eoc


def activate(invocation: Invocation, given: str | None, level: int, incident: str) -> int:
    """Activate the EOC and wait until nothing undecided is in flight any more."""
    if level not in (1, 2, 3):
        raise BadInput("level.unknown", f"there is no level {level}", "--level 1, 2 or 3")
    action = EocActivate(level=level, incident=named(incident))
    return _order(invocation, given, action, _until_active)


def stand_down(invocation: Invocation, given: str | None) -> int:
    """Stand the EOC down."""
    return _order(invocation, given, EocStandDown())


def crisis(invocation: Invocation, given: str | None, incident: str | None) -> int:
    """Declare a crisis (with its name), or end it (None)."""
    action = CrisisEnd() if incident is None else CrisisDeclare(incident=named(incident))
    return _order(invocation, given, action)


def hold(invocation: Invocation, given: str | None, on: bool) -> int:
    """Press the stop button, or let go of it."""
    return _order(invocation, given, Hold(on=on))


def withdraw(invocation: Invocation, given: str | None, beginning: str, reason: str) -> int:
    """Take a request back."""
    check_id(beginning, "request")
    if not reason.strip() or len(reason) > 500:
        raise BadInput("reason.length", "a reason has 1 to 500 characters", "--reason 'why'")

    async def work() -> int:
        city, officer = invocation.city(), people.acting(given)
        async with connect(city, officer) as link:
            request_id = (await fetch(link, beginning)).request.request_id
            action = Withdraw(request_id=request_id, reason=reason)
            reply = await send(invocation, link, subjects.DESK_EOC_ORDER, officer, action)
            view = await fetch(link, request_id)
        if invocation.as_json:
            print_json(outcome.request_json(view) | {"control_seq": reply.control_seq})
        else:
            console = people_console(False)
            console.print(Text(f"Withdrawn: {request_id}, at control revision {reply.control_seq}."))
            show.deliveries(console, view.deliveries)
            if outcome.delivered(view):
                console.print(Text("What was delivered already stands; take it down on the platform if it must go."))
        return Exit.DONE

    return run(work)


def named(incident: str) -> str:
    """Return an incident's name; raises BadInput ``incident.name``."""
    name = " ".join(incident.split())
    if not name or len(name) > 500 or not name.isprintable():
        raise BadInput("incident.name", "an incident's name has 1 to 500 visible characters", "--incident 'Flood'")
    return name


Wait = Callable[[Link, OrderReply, Console], Awaitable[EocView]]


async def _at_once(link: Link, _reply: OrderReply, _console: Console) -> EocView:
    return await eoc_view(link)


async def _until_active(link: Link, reply: OrderReply, console: Console) -> EocView:
    """Wait for the barrier, telling how many posts are in flight whenever that changes."""
    end, told = monotonic() + ACTIVE_SECONDS, reply.in_flight
    _tell(console, told)
    while True:
        view = await eoc_view(link)
        if view.control_seq >= reply.control_seq and view.posture is not Posture.EOC_ACTIVATING:
            break
        if view.in_flight != told:
            told = view.in_flight
            _tell(console, told)
        if monotonic() > end:
            raise Unreachable(
                "eoc.activating",
                f"the EOC is activating still, {told} in flight: the gate holds all back already",
                "onevoice doctor: does eoc-state run? onevoice eoc status says when it is active",
            )
        await asyncio.sleep(_LOOK_SECONDS)
    if view.posture is not Posture.EOC_ACTIVE:
        raise Refused("eoc.stood_down", "the EOC was stood down before it was active", "onevoice eoc status")
    return view


def _tell(console: Console, count: int) -> None:
    posts = "1 post" if count == 1 else f"{count} posts"
    console.print(Text(f"activating, {posts} in flight", style="yellow"))


def _order(invocation: Invocation, given: str | None, action: Action, wait: Wait = _at_once) -> int:
    async def work() -> int:
        city, officer = invocation.city(), people.acting(given)
        console = people_console(invocation.as_json)
        async with connect(city, officer) as link:
            reply = await send(invocation, link, subjects.DESK_EOC_ORDER, officer, action)
            view = await wait(link, reply, console)
        if invocation.as_json:
            print_json(outcome.eoc_json(view))
        else:
            show.eoc(console, view, SystemClock().now())
        return Exit.DONE

    return run(work)
