"""Requests that stand: listing, showing, deciding, following."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any, Literal

from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.dead import LetterView
from schemas.events.desk import ApprovalReply, BoardQuery, RequestView
from services.desk import advice, confirm, letters, outcome, people, show, statements
from services.desk.app import Invocation
from services.desk.asked import Manner
from services.desk.changes import Watch, of_request
from services.desk.flows.eoc import told_who
from services.desk.flows.orders import eoc_view
from services.desk.flows.publish import report
from services.desk.follow import fetch, follow, landing
from services.desk.link import Link, connect, run
from services.desk.live import until, until_interrupted
from services.desk.output import console, errors_console, interactive, people_console, print_json
from services.desk.timetext import duration, local
from services.desk.words import check_id
from services.kernel.authority.signing import load_key
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit


def pending(invocation: Invocation, given: str | None) -> int:
    """List what waits: for a verdict, an approval or a delivery, and below what services put aside.

    For programs the answer is the list of requests; dead letters are named on standard error.
    """

    async def work() -> int:
        city = invocation.city()
        asker = people.asking(city, given)
        told_who(invocation, asker)
        async with connect(city, asker) as link:
            views, put_aside = await _all_pending(link)
        if invocation.as_json:
            print_json([outcome.request_json(view) for view in views])
            if put_aside:
                errors_console().print(Text(f"dead letters: {len(put_aside)}; onevoice dead list --json"))
        else:
            now = SystemClock().now()
            show.pending_table(console(), views, now)
            if put_aside:
                console().print(Text(f"\nPut aside by services, {len(put_aside)}:", style="bold"))
                letters.table(console(), put_aside, now)
        return Exit.DONE

    return run(work)


async def _all_pending(link: Link) -> tuple[list[RequestView], tuple[LetterView, ...]]:
    """Return all that waits, page by page, the most urgent first, and the open dead letters."""
    views: list[RequestView] = []
    letters_: tuple[LetterView, ...] = ()
    after: str | None = None
    while True:
        reply = await link.board(BoardQuery(query="pending", after=after))
        views += reply.requests or ()
        letters_ = letters_ or reply.dead_letters or ()
        after = reply.next
        if after is None:
            return views, letters_


def show_one(invocation: Invocation, given: str | None, beginning: str) -> int:
    """Show a request as each platform would get it, with its verdict and deliveries."""
    view = _look_up(invocation, given, beginning)
    if invocation.as_json:
        print_json(outcome.request_json(view) | {"renderings": outcome.renderings_json(view)})
        return Exit.DONE
    out = console()
    _show_whole(out, view)
    show.result(out, view)
    return Exit.DONE


def status(invocation: Invocation, given: str | None, beginning: str, watch: bool) -> int:
    """Say where a request stands; with ``watch`` each change, until it is settled or Ctrl-C.

    For programs ``watch`` means: answer once it is decided and its deliveries ended, with the outcome's exit status.
    """
    if watch:
        check_id(beginning, "request")
        return (_await if invocation.as_json else _watch)(invocation, given, beginning)
    view = _look_up(invocation, given, beginning)
    if invocation.as_json:
        print_json(outcome.request_json(view))
        return Exit.DONE
    out = console()
    show.request_head(out, view.request, SystemClock().now())
    show.result(out, view)
    return Exit.DONE


def approve(invocation: Invocation, beginning: str, acknowledge: bool, manner: Manner) -> int:
    """Show a request, sign its digest, and follow it."""
    check_id(beginning, "request")
    wait = duration(manner.wait, "wait.malformed")

    async def work() -> int:
        city, officer = invocation.city(), people.acting(manner.officer)
        out = people_console(invocation.as_json)
        async with connect(city, officer) as link:
            view = await fetch(link, beginning)
            statements.checked_digest(view.request)
            if not invocation.as_json:
                _show_whole(out, view)
                state = await eoc_view(link)
                out.print(Text(f"Posture: {advice.posture_line(state.posture, state.level, state.incident)}"))
            _acknowledged(view, acknowledge or manner.yes)
            if not manner.yes and interactive():
                asked = len(view.request.targets)
                confirm.ask(*confirm.question(asked, view.request.scope, None))
            reply = await _decide(invocation, city, link, officer, view, "approve", "")
            with landing(out, reply.seq) as look:
                view = await follow(link, reply.request_id, reply.seq, wait.total_seconds(), look)
        return report(invocation, out, view)

    return run(work)


def reject(invocation: Invocation, given: str | None, beginning: str, reason: str) -> int:
    """Sign a rejection of a request."""
    check_id(beginning, "request")
    if not reason.strip() or len(reason) > 500:
        raise BadInput("reason.length", "a reason has 1 to 500 characters", "--reason 'why'")

    async def work() -> int:
        city, officer = invocation.city(), people.acting(given)
        out = people_console(invocation.as_json)
        async with connect(city, officer) as link:
            view = await fetch(link, beginning)
            reply = await _decide(invocation, city, link, officer, view, "reject", reason)
            view = await follow(link, reply.request_id, reply.seq, 0.0, lambda _view: None)
        report(invocation, out, view)
        return Exit.DONE

    return run(work)


async def _decide(
    invocation: Invocation,
    city: City,
    link: Link,
    officer: str,
    view: RequestView,
    verb: Literal["approve", "reject"],
    reason: str,
) -> ApprovalReply:
    signed = statements.decision(
        load_key(city.key_path(officer)),
        view.request,
        realm=invocation.realm,
        officer=officer,
        verb=verb,
        now=SystemClock().now(),
        lifetime=timedelta(seconds=statements.settings_of(city).approval_seconds),
        reason=reason,
    )
    return await link.ask(subjects.DESK_APPROVAL_SUBMIT, signed, ApprovalReply)


def _acknowledged(view: RequestView, given: bool) -> None:
    """Have the officer say that they saw what screening found; raises BadInput ``screening.unacknowledged``."""
    found = view.request.screening
    if not found or given:
        return
    said = ", ".join(statements.codes(found))
    raise BadInput(
        "screening.unacknowledged",
        f"screening found {said}, and you did not say that you accept it; nothing was signed",
        "--acknowledge says in your approval that you saw and accept this",
    )


def _look_up(invocation: Invocation, given: str | None, beginning: str) -> RequestView:
    check_id(beginning, "request")
    found: list[RequestView] = []

    async def work() -> int:
        city = invocation.city()
        asker = people.asking(city, given)
        told_who(invocation, asker)
        async with connect(city, asker) as link:
            found.append(await fetch(link, beginning))
        return Exit.DONE

    run(work)
    return found[0]


def _show_whole(out: Console, view: RequestView) -> None:
    request = view.request
    show.request_head(out, request, SystemClock().now())
    show.message(out, request.renderings, request.targets, request.scope, request.screening)


def _await(invocation: Invocation, given: str | None, beginning: str) -> int:
    async def work() -> int:
        city = invocation.city()
        async with connect(city, people.asking(city, given)) as link:
            request_id = (await fetch(link, beginning)).request.request_id
            view = await follow(link, request_id, 0, math.inf, lambda _view: None)
        return report(invocation, people_console(True), view)

    return run(work)


def _watch(invocation: Invocation, given: str | None, beginning: str) -> int:
    async def work() -> int:
        city = invocation.city()
        asker = people.asking(city, given)
        told_who(invocation, asker)
        async with (
            until_interrupted() as stop,
            connect(city, asker) as link,
            link.listening(subjects.BOARD_ALL) as heard,
        ):
            view = await fetch(link, beginning)
            request_id = view.request.request_id
            watch, told = Watch(link, heard, view.as_of), _tell(view, {})
            while not _over(view):
                changed = await until(stop, of_request(watch, request_id, 3_600.0))
                if stop.is_set():
                    return Exit.DONE
                if changed:
                    view = await fetch(link, request_id)
                    told = _tell(view, told)
            return outcome.exit_status(view)

    return run(work)


def _over(view: RequestView) -> bool:
    """True when nothing more can come: withdrawn, refused, or each delivery ended."""
    refused = view.verdict is not None and view.verdict.outcome.value == "refused"
    return view.withdrawn or refused or (outcome.settled(view) and bool(view.deliveries))


def _tell(view: RequestView, told: dict[str, Any]) -> dict[str, Any]:
    """Print what changed since the last view; return what was told so far."""
    now = SystemClock().now()
    facts: dict[str, Any] = {"verdict": view.verdict.outcome.value if view.verdict else None}
    facts |= {delivery.profile: (delivery.outcome, delivery.url) for delivery in view.deliveries}
    facts |= {"withdrawn": True} if view.withdrawn else {}
    out = console()
    if not told:
        show.request_head(out, view.request, now)
        show.verdict(out, view.verdict)
    for name, fact in facts.items():
        if told.get(name) == fact or (name == "verdict" and not told):
            continue
        if name == "verdict":
            out.print(Text(local(now, now), style="dim"), end=" ")
            show.verdict(out, view.verdict)
        else:
            said = "WITHDRAWN" if name == "withdrawn" else f"{name}  {fact[0]}  {fact[1] or ''}"
            out.print(Text(f"{local(now, now)}  {said}"), soft_wrap=True)
    return facts
