"""How the posture, officers, profiles and checks look to people: at most 80 columns, plain without colour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from schemas.events.authority import Profile
from schemas.events.desk import EocView, OfficerView
from services.desk.views.layout import table, table_width, width
from services.desk.views.message import advice
from services.desk.views.state.health import Level, Line
from services.desk.views.state.profile_findings import ProfileCheck
from services.desk.views.timetext import local

_LEVEL_STYLE = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def eoc(console: Console, view: EocView, now: datetime) -> None:
    """Show the posture and who serves."""
    style = "bold" if view.posture.value == "routine" else "bold red"
    console.print(Text(advice.posture_line(view.posture, view.level, view.incident), style=style))
    if view.hold:
        console.print(Text("HOLD is on: nothing is posted.", style="bold red"))
    facts = table("", "")
    facts.show_header = False
    for name, value in (
        ("city", f"{view.city} (realm {view.realm})"),
        ("control revision", str(view.control_seq)),
        ("posts in flight", str(view.in_flight)),
        ("ledger", "1 entry" if view.last_seq == 1 else f"{view.last_seq} entries"),
    ):
        facts.add_row(Text(name, style="dim"), Text(value))
    console.print(facts, width=table_width(console))
    for post in view.unknown:
        said = advice.unknown_post(post.request_id, post.profile)
        console.print(Text(said, style="bold red"), soft_wrap=True)
    for late in view.late_posts:
        said = advice.late_post(late)
        console.print(Text(said, style="bold red"), soft_wrap=True)
    alive = sorted({health.service for health in view.services})
    console.print(Text(f"services: {', '.join(alive) or 'none answers'}", style="dim"), width=width(console))


def officers(console: Console, views: Sequence[OfficerView], now: datetime) -> None:
    """Show officers, the roles that count now, and when the first of them ends."""
    rows = table("officer", "name", "roles", "until")
    for view in views:
        roles = "REVOKED" if view.revoked else ", ".join(grant.role.value for grant in view.grants_now) or "none"
        ends = [grant.valid_until for grant in view.grants_now if grant.valid_until is not None]
        until = local(min(ends), now) if ends else "-"
        rows.add_row(Text(view.officer.id), Text(view.officer.name), Text(roles), Text(until))
    console.print(rows, width=table_width(console))


def profiles(console: Console, found: Sequence[Profile]) -> None:
    """Show the profiles, a row for each."""
    rows = table("profile", "department", "platform", "official")
    for profile in found:
        official = "yes" if profile.official else "NO"
        rows.add_row(Text(profile.id), Text(profile.department), Text(profile.platform), official)
    console.print(rows, width=table_width(console))


def profile_findings(console: Console, found: Sequence[ProfileCheck]) -> None:
    """Show which profiles can be posted to, and what to fix with the others: each trouble once, with its profiles."""
    rows = table("profile", "", "what was found")
    for one in found:
        if one.ok:
            rows.add_row(Text(one.id), Text("ok", style="green"), Text("; ".join(one.remarks), style="dim"))
    troubles: dict[str, list[str]] = {}
    for one in found:
        if not one.ok:
            troubles.setdefault("; ".join(one.problems), []).append(one.id)
    for trouble, ids in troubles.items():
        rows.add_row(Text("\n".join(ids)), Text("FAIL", style="bold red"), Text(trouble))
    console.print(rows, width=table_width(console))


def checks(console: Console, lines: Sequence[Line]) -> None:
    """Show the doctor's checks, and below what is not well how to fix it."""
    rows = table("", "check", "")
    rows.show_header = False
    for line in lines:
        detail = Text(line.detail)
        if line.hint and line.level is not Level.OK:
            detail.append(f"\n-> {line.hint}", style="dim")
        rows.add_row(Text(line.level.value, style=_LEVEL_STYLE[line.level]), Text(line.check), detail)
    console.print(rows, width=table_width(console))
