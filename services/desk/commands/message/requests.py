"""``onevoice pending``, ``show`` and ``status``."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.desk import RequestView
from schemas.events.requests import Request
from services.desk import deadline, options, session
from services.desk.app import Invocation, command, group
from services.desk.connection.changes import Watch, of_request
from services.desk.connection.follow import fetch, follow
from services.desk.connection.live import until, until_interrupted
from services.desk.session import Session
from services.desk.views.hints import typed
from services.desk.views.message import difference, outcome, outside, promised
from services.desk.views.message import pending as pending_view
from services.desk.views.message import request as show
from services.desk.views.message.progress import ProgressPrinter
from services.desk.views.message.request import report
from services.desk.views.output import console, errors_console, people_console
from services.desk.views.state import dead_letters, health
from services.desk.views.timetext import in_city_time
from services.desk.words import check_id
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit

app = group("Requests that were made.")


@command(app, "pending", "onevoice pending --json")
async def pending(desk: Invocation, as_: options.AsksAs = None) -> int:
    """List the requests that wait for something.

    For programs the answer is the list of requests; dead letters and posts from outside are named on standard error.
    """
    async with session.asking(desk, as_) as here:
        views, failed = await here.pending()
        services = (await here.eoc()).services
        alarms, checks = health.alarms(services), health.watched_profiles(services)
        strange = await here.outside()
        owed = await here.promised()
        earlier = {view.request.request_id: await earlier_of(here, view) for view in views}

    def draw(out: Console) -> None:
        now = SystemClock().now()
        pending_view.pending_table(out, views, now)
        for view in views:
            before = [one for one in (earlier[view.request.request_id], view.previous) if one is not None]
            if before:
                out.print(Text(f"\n{view.request.request_id}:", style="bold"))
            for one in before:
                difference.show(out, one, view.request)
        if failed:
            out.print(Text(f"\nMessages that a service could not handle, {len(failed)}:", style="bold"))
            dead_letters.table(out, failed, now)
        if strange:
            out.print(Text(f"\nPosts that did not come through the gate, {len(strange)}:", style="bold"))
            outside.listed(out, strange, now)
        promised.listed(out, owed, now)
        if checks.level is not health.Level.OK:
            out.print(Text(typed(f"\nProfiles: {checks.detail} ({checks.hint})"), style="yellow"))
        for said in alarms:
            out.print(Text(typed(f"\nALARM, {in_city_time(said)} (onevoice doctor)"), style="bold red"))

    desk.answer([_with_earlier(view, earlier[view.request.request_id]) for view in views], draw)
    if desk.as_json:
        # A program that reads only requests must not hide from whoever runs it that something else waits.
        for what, found, more in (
            ("dead letters", failed, typed("onevoice dead list --json")),
            ("posts from outside", strange, typed("onevoice outside list --json")),
            ("alarms", alarms, typed("onevoice doctor")),
        ):
            if found:
                errors_console().print(Text(f"{what}: {len(found)}; {more}"))
        promised.named(owed)
    return Exit.DONE


@command(app, "show", "onevoice show rab12")
async def show_(desk: Invocation, request_id: options.RequestId, as_: options.AsksAs = None) -> int:
    """Show a request as each platform would get it.

    With what screening found, the verdict and its reasons, and what happened on each profile.
    """
    check_id(request_id, "request")
    async with session.asking(desk, as_) as here:
        view = await fetch(here.link, request_id)
        earlier = await earlier_of(here, view)

    def draw(out: Console) -> None:
        show.whole_request(out, view.request, SystemClock().now(), earlier, view.previous)
        show.result(out, view)

    renderings = outcome.renderings_json(view.request.renderings)
    desk.answer(_with_earlier(view, earlier) | {"renderings": renderings}, draw)
    return Exit.DONE


@command(app, "status", "onevoice status rab12 --watch")
async def status(
    desk: Invocation,
    request_id: options.RequestId,
    watch: Annotated[bool, typer.Option("--watch", help="Each change, until it is settled or Ctrl-C.")] = False,
    as_: options.AsksAs = None,
) -> int:
    """Say what happened to a request on each profile.

    With --watch it follows the request and ends with its outcome's exit status: 0 delivered, 3 blocked (with
    --json; else it goes on watching), 4 refused, 5 partly. Ctrl-C ends it with 0. While the city does not answer it
    tries again for a minute, and goes on where it was.
    """
    check_id(request_id, "request")
    if watch:
        return await (_await(desk, as_, request_id) if desk.as_json else _watch(desk, as_, request_id))
    view = await _look_up(desk, as_, request_id)

    def draw(out: Console) -> None:
        show.request_head(out, view.request, SystemClock().now())
        show.result(out, view)

    desk.answer(outcome.request_json(view), draw)
    return Exit.DONE


async def earlier_of(here: Session, view: RequestView) -> Request | None:
    """Return the request that this one follows; None where it follows none, or it cannot be had any more."""
    if view.request.earlier is None:
        return None
    try:
        return (await fetch(here.link, view.request.earlier)).request
    except BadInput:
        return None


def _with_earlier(view: RequestView, earlier: Request | None) -> dict[str, Any]:
    previous = difference.earlier_json(view.previous)
    return outcome.request_json(view) | {"earlier": difference.earlier_json(earlier), "previous": previous}


async def _look_up(desk: Invocation, as_: str | None, beginning: str) -> RequestView:
    check_id(beginning, "request")
    async with session.asking(desk, as_) as here:
        return await fetch(here.link, beginning)


async def _await(desk: Invocation, as_: str | None, beginning: str) -> int:
    async with session.asking(desk, as_) as here:
        request_id = (await fetch(here.link, beginning)).request.request_id
        view = await follow(here.link, request_id, 0, math.inf, lambda _view: None)
    return report(desk, people_console(True), view)


async def _watch(desk: Invocation, as_: str | None, beginning: str) -> int:
    async with session.asking(desk, as_) as here, here.link.listening(subjects.BOARD_ALL) as received:
        view = await fetch(here.link, beginning)
        request_id, changes = view.request.request_id, ProgressPrinter(console())
        deadline.allow(math.inf)
        async with until_interrupted() as stop:
            watch = Watch(here.link, received, view.as_of)
            here.link.patient_until = math.inf
            changes.show(view)
            while not outcome.over(view):
                found = await until(stop, _next_view(here, watch, request_id))
                if found is None:
                    return Exit.DONE
                view = found
                changes.show(view)
    return outcome.exit_status(view)


async def _next_view(here: Session, watch: Watch, request_id: str) -> RequestView:
    while not await of_request(watch, request_id, 3_600.0):
        pass
    return await fetch(here.link, request_id, watch.seq)
