"""Each change of the posture, from the ledger: waiting for the next one, and a line for each."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from schemas import subjects
from schemas.events.broadcasts import LatePost
from schemas.events.control import Posture
from schemas.events.desk import BoardQuery, BoardReply, EocView
from schemas.events.shown import PostureChange
from services.desk.app import Invocation
from services.desk.connection.changes import Watch
from services.desk.connection.link import Link
from services.desk.views.message import advice
from services.desk.views.output import console, print_json_line
from services.desk.views.timetext import local, utc
from services.kernel.base.clock import SystemClock

LOOK_SECONDS = 1.0
"""How long after a receipt, and while the EOC is activating, it is asked what may still land."""

WAIT_SECONDS = 3_600.0
_CHANGE = ("posture", "level", "incident", "hold")
_KEYS = (*_CHANGE, "control_seq", "in_flight", "unknown", "late_posts")
_NOT_KNOWN: dict[str, Any] = {"in_flight": None, "unknown": [], "late_posts": []}
"""What nobody can say any more of a posture that is over."""


async def next_after(seen: EocView, watch: Watch, link: Link) -> BoardReply:
    """Wait for what may have changed the posture, or what may still land; return both, with what came and went."""
    loop = asyncio.get_running_loop()
    # Leases end by the clock, not by an entry.
    end = loop.time() + LOOK_SECONDS if seen.posture is Posture.EOC_ACTIVATING else math.inf
    while (left := end - loop.time()) > 0:
        kinds = {subjects.place_of(event.subject).kind for event in await watch.events(min(left, WAIT_SECONDS))}
        if "control" in kinds:
            break
        if kinds & {"receipt", "resolution"}:
            end = min(end, loop.time() + LOOK_SECONDS)
    return await link.board(BoardQuery(query="eoc", since=seen.control_seq, at_least=watch.seq))


def report(desk: Invocation, view: EocView, came: Sequence[PostureChange], seen: EocView | None) -> EocView:
    """Print what came and went since the last view, and this one where it differs; return what was seen last.

    Control revisions that change nothing else (a designation, say) are printed for programs only; how much is in
    flight is news only while the EOC is activating.
    """
    if seen is not None and view.control_seq < seen.control_seq:
        return seen
    for change in came[:-1]:  # the last one is what the view shows
        said = change.model_dump(mode="json")
        _print(desk, change.at, {key: said[key] for key in _CHANGE} | {"control_seq": change.seq} | _NOT_KNOWN)
    state, before = _state(view), {} if seen is None else _state(seen)
    ignored = set() if view.posture is Posture.EOC_ACTIVATING else {"in_flight"}
    ignored |= set() if desk.as_json else {"control_seq"}
    if any(state[key] != before.get(key) for key in _KEYS if key not in ignored) or len(came) > 1:
        _print(desk, came[-1].at if came else SystemClock().now(), state)
    return view


def _state(view: EocView) -> dict[str, Any]:
    return view.model_dump(mode="json", include=set(_KEYS))


def _print(desk: Invocation, at: datetime, state: dict[str, Any]) -> None:
    if desk.as_json:
        print_json_line({"at": utc(at), **state})
        return
    out, posture = console(), advice.posture_line(Posture(state["posture"]), state["level"], state["incident"])
    flying = "" if state["in_flight"] is None else f"{state['in_flight']} in flight, "
    line = f"{local(at, SystemClock().now())}  {posture}  ({flying}control revision {state['control_seq']})"
    out.print(Text(line + ("  HOLD" if state["hold"] else "")), soft_wrap=True)
    posts = [advice.unknown_post(post["request_id"], post["profile"]) for post in state["unknown"]]
    posts += [advice.late_post(LatePost.model_validate(post)) for post in state["late_posts"]]
    for said in posts:
        out.print(Text(said, style="bold red"), soft_wrap=True)
