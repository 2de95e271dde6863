"""Following one request until nothing more will come of waiting, by the board's stream of changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from schemas import subjects
from schemas.events.control import Posture
from schemas.events.desk import BoardQuery, EocView, OrderReply, RequestView, ResolutionReply
from schemas.events.verdicts import Outcome
from services.desk.connection.changes import Watch, of_request
from services.desk.connection.link import Link
from services.desk.deadline import allow
from services.desk.session import Session
from services.desk.views.message import outcome
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import BadInput, OneVoiceError, Refused, Unreachable

VERDICT_SECONDS = 15.0
"""How long the gatekeeper is given: it decides in milliseconds; longer means that it does not run."""

ACTIVE_SECONDS = 45.0
"""How long to wait for the barrier: the lease is 15 s (schemas.streams.LEASE_SECONDS), so this is plenty."""

LOOK_SECONDS = 1.0

Look = Callable[[RequestView], None]


async def fetch(link: Link, request_id: str, at_least: int | None = None) -> RequestView:
    """Return a request as it is now; the beginning of its id is enough. Raises BadInput ``request.unknown``.

    ``at_least``: a ledger sequence that the answer knows of.
    """
    reply = await link.board(BoardQuery(query="status", request_id=request_id, at_least=at_least))
    if not reply.requests:
        raise BadInput("request.unknown", f"there is no request {request_id}", "onevoice pending")
    return reply.requests[0]


async def follow(link: Link, request_id: str, since_seq: int, wait_seconds: float, look: Look) -> RequestView:
    """Follow a request until its verdict has weighed ``since_seq`` and its posts ended, or the wait is over.

    Args:
        link: the connection to ask on.
        request_id: the whole id.
        since_seq: the ledger sequence of what was just done (a submission, an approval).
        wait_seconds: how long to wait for the posts of a cleared request.
        look: called with each new view.

    Raises:
        Unreachable: ``service.unreachable``, no verdict came: the gatekeeper does not run; or the board is gone.
    """
    started = monotonic()
    allow(wait_seconds + VERDICT_SECONDS)
    try:
        async with link.listening(subjects.BOARD_ALL) as received:
            view = await fetch(link, request_id, since_seq)
            watch = Watch(link, received, view.as_of)
            while True:
                decided = outcome.decided(view, since_seq)
                look(view)
                if decided and outcome.finished(view):
                    return view
                link.patient_until = started + wait_seconds + (0.0 if decided else VERDICT_SECONDS)
                # A gatekeeper that was away with the broker gets its time anew.
                due = link.patient_until if decided else max(started, link.opened_at) + VERDICT_SECONDS
                left = min(due, link.patient_until) - monotonic()
                if left <= 0:
                    return _give_up(view, decided)
                await of_request(watch, request_id, left)
                view = await fetch(link, request_id, watch.seq)
    except Unreachable as error:
        raise on_record(error, request_id) from error


async def carried_out(link: Link, reply: ResolutionReply) -> RequestView:
    """Wait until what an officer decided on an unconfirmed post shows on its profile.

    Raises:
        Unreachable: ``service.unreachable``, it is on record and not carried out yet; or the board is gone.
    """
    end = monotonic() + VERDICT_SECONDS
    allow(VERDICT_SECONDS)
    try:
        async with link.listening(subjects.BOARD_ALL) as received:
            view = await fetch(link, reply.request_id, reply.seq)
            watch = Watch(link, received, view.as_of)
            while True:
                if any(one.profile == reply.profile and one.receipt_seq > reply.receipt_seq for one in view.deliveries):
                    return view
                if not await of_request(watch, reply.request_id, end - monotonic()):
                    raise Unreachable(
                        "service.unreachable",
                        "your decision is not carried out yet: the service fanout does not run",
                        "onevoice doctor",
                    )
                view = await fetch(link, reply.request_id)
    except Unreachable as error:
        raise on_record(error, reply.request_id) from error


async def until_active(here: Session, reply: OrderReply, report: Callable[[int], None]) -> EocView:
    """Wait until nothing that was decided before the activation is in flight; return the posture then.

    Args:
        here: the session that ordered it.
        reply: what the order was answered with.
        report: called with the number of posts in flight, whenever it changes.

    Raises:
        Unreachable: ``eoc.activating``, it takes longer than the lease allows for.
        Refused: ``eoc.stood_down``, somebody stood it down meanwhile.
    """
    end, in_flight = monotonic() + ACTIVE_SECONDS, reply.in_flight
    allow(ACTIVE_SECONDS)
    if reply.posture is not Posture.EOC_ACTIVE:  # else it was active already, and only its level or incident changed
        report(in_flight)
    async with here.link.listening(subjects.BOARD_ALL) as received:
        view = await here.eoc(reply.control_seq)
        watch = Watch(here.link, received, view.last_seq)
        while view.posture is Posture.EOC_ACTIVATING:
            if view.in_flight != in_flight:
                in_flight = view.in_flight
                report(in_flight)
            if monotonic() > end:
                raise Unreachable(
                    "eoc.activating",
                    f"the EOC is still activating, {in_flight} in flight; nothing new is posted without its approval",
                    "onevoice doctor: does eoc-state run? onevoice eoc status says when it is active",
                )
            # Leases end by the clock, not by an entry: without news it is asked once a second.
            await watch.events(LOOK_SECONDS)
            view = await here.eoc()
    if view.posture is not Posture.EOC_ACTIVE:
        raise Refused("eoc.stood_down", "the EOC was stood down before it was active", "onevoice eoc status")
    return view


def on_record(error: OneVoiceError, request_id: str) -> OneVoiceError:
    """Return the error with the word that the request itself is safe."""
    return type(error)(
        error.code,
        f"{error.message}. The request {request_id} is on record",
        f"onevoice doctor; then onevoice status {request_id}",
    )


def _give_up(view: RequestView, decided: bool) -> RequestView:
    if decided:
        return view
    raise Unreachable("service.unreachable", "no verdict came: the service gatekeeper does not run", "onevoice doctor")


@contextmanager
def landing(console: Console, since_seq: int) -> Iterator[Look]:
    """Show posts as they land: a bar on a terminal, nothing elsewhere (the result is printed at the end)."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task: TaskID = bar.add_task("waiting for the verdict", total=None)

    def look(view: RequestView) -> None:
        if not outcome.decided(view, since_seq) or view.verdict is None:
            return
        if view.verdict.outcome is Outcome.CLEARED:
            wanted = len(set(outcome.wanted(view)))
            bar.update(task, description="cleared, posting", total=wanted, completed=outcome.delivered(view))

    with bar:
        yield look
