"""The whole city on one screen: posture, what waits, what is under way, who serves. Pure: views and the time in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from schemas import flow
from schemas.events.desk import EocView, RequestView
from schemas.events.verdicts import Outcome
from services.desk.views.hints import typed
from services.desk.views.layout import table
from services.desk.views.message import advice, unconfirmed
from services.desk.views.timetext import ago, local


@dataclass(frozen=True)
class Overview:
    """What one look at the board gave; ``at`` is when, ``pending`` the most urgent first."""

    at: datetime
    eoc: EocView
    pending: Sequence[RequestView]


def screen(seen: Overview, now: datetime, rows: int) -> RenderableType:
    """Draw it in ``rows`` lines at most: what matters most is at the top and never left out."""
    head = _head(seen, now)
    room = max(1, rows - len(head) - 7)
    return Group(*head, Text(), _messages(seen, now, room), Text(), _services(seen.eoc))


def _head(seen: Overview, now: datetime) -> list[Text]:
    view = seen.eoc
    alert = view.posture.value != "routine"
    lines = [Text(advice.posture_line(view.posture, view.level, view.incident), style="bold red" if alert else "bold")]
    if view.hold:
        lines.append(Text("HOLD is on: nothing is posted.", style="bold red"))
    lines += [
        Text(f"UNKNOWN: {post.request_id} on {post.profile} may be out without an approval: look", style="bold red")
        for post in view.unknown
    ]
    lines += [Text(advice.late_post(late), style="bold red") for late in view.late_posts]
    age = (now - seen.at).total_seconds()
    counts = f"{len(seen.pending)} waiting, {view.in_flight} in flight, ledger {view.last_seq}"
    lines.append(Text(f"{view.city}, realm {view.realm}: {counts}; as of {local(seen.at, now)}", style="dim"))
    if age > 10:
        lines.append(Text(f"NOT LIVE for {ago(age)}: the city does not answer", style="bold red"))
    return lines


def _messages(seen: Overview, now: datetime, room: int) -> RenderableType:
    if not seen.pending:
        return Text("Nothing waits.")
    rows = table("request", "waits", "by", "verdict", "posts", "text")
    shown = seen.pending if len(seen.pending) <= room else seen.pending[: room - 1]
    for view in shown:
        request, verdict = view.request, view.verdict
        rows.add_row(
            Text(request.request_id),
            Text(ago((now - request.at).total_seconds())),
            Text(request.author),
            Text(verdict.outcome.value if verdict else "none yet", style=_style(view)),
            Text(_posts(view)),
            Text(" ".join(request.text.split()), no_wrap=True, overflow="ellipsis"),
        )
    if len(shown) < len(seen.pending):
        rows.add_row(Text(typed(f"and {len(seen.pending) - len(shown)} more: onevoice pending"), style="dim"))
    return rows


def _style(view: RequestView) -> str:
    if view.verdict is None:
        return "yellow"
    return {Outcome.CLEARED: "green", Outcome.BLOCKED: "yellow", Outcome.REFUSED: "red"}[view.verdict.outcome]


def _posts(view: RequestView) -> str:
    """Say how many posts stand of all, and how many need a look."""
    if not view.deliveries:
        return "-"
    stand = sum(one.outcome == "delivered" for one in view.deliveries)
    tasks = sum(map(unconfirmed.by_hand, view.deliveries))
    unsure = sum(one.outcome == "unconfirmed" for one in view.deliveries) - tasks
    more = [f"{unsure} UNCONFIRMED"] * bool(unsure) + [f"{tasks} BY HAND"] * bool(tasks)
    return ", ".join([f"{stand}/{len(view.deliveries)}", *more])


def _services(view: EocView) -> RenderableType:
    beats = {beat.service.replace("_", "-"): beat for beat in view.services}
    names = [row.user for row in flow.SERVICES]
    gone = [name for name in names if name not in beats]
    well = [name for name in names if name in beats and not beats[name].trouble]
    lines = [Text(typed(f"GONE: {', '.join(gone)}: onevoice doctor"), style="bold red")] if gone else []
    lines += [Text(f"{name}: {beat.trouble}", style="yellow") for name, beat in beats.items() if beat.trouble][:2]
    return Group(*lines, Text(f"services ok: {', '.join(well) or 'none'}", style="green" if well else "bold red"))
