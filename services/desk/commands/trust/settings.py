"""``onevoice settings``: see and change what the city chooses beyond the policy."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import ValidationError
from rich.text import Text

from schemas import subjects
from schemas.events.authority import Settings
from schemas.events.control import SettingsChange
from services.desk import options, session
from services.desk.app import Invocation, command, group
from services.desk.authority import ask_authority, say_waits
from services.desk.views.state import authority as views
from services.kernel.base.errors import BadInput, Exit, first_fault

app = group("See and change the city's own settings: second approver, how long an approval lasts.")


@command(app, "show", "onevoice settings show")
async def show(desk: Invocation, as_: options.AsksAs = None) -> int:
    """Show the settings in force, and until when the city's authority lasts."""
    async with session.asking(desk, as_) as here:
        view = await ask_authority(here)
    ends = f"{view.expires_at:%Y-%m-%d}" if view.expires_at else "never"
    lines = [*views.settings_lines(view.settings), ("changes of power take", f"{view.threshold} people")]
    lines += [("authority", f"version {view.version}, ends {ends}")]
    made = view.model_dump(mode="json", exclude={"proposals", "systems", "invites"})
    desk.answer(made, lambda out: views.pairs(out, lines))
    return Exit.DONE


@command(app, "set", "onevoice settings set --second-approver severe --second-approver extreme --as mcpe")
async def change(
    desk: Invocation,
    approval: Annotated[
        int | None, typer.Option("--approval-minutes", metavar="N", help="How long an approval lasts.")
    ] = None,
    request: Annotated[
        int | None, typer.Option("--request-hours", metavar="N", help="When a request expires that names no time.")
    ] = None,
    second: Annotated[
        list[str] | None,
        typer.Option(
            "--second-approver", metavar="S", help="A severity that needs two approvers; once for each; or none."
        ),
    ] = None,
    bound: Annotated[
        list[str] | None,
        typer.Option("--device-bound", metavar="R", help="A role that no passkey serves that can be copied; or none."),
    ] = None,
    and_city: Annotated[
        bool | None,
        typer.Option(
            "--and-city/--no-and-city",
            help="In a crisis, --all-departments takes the city's own profiles along, or does not.",
        ),
    ] = None,
    as_: options.ActsAs = None,
) -> int:
    """Propose other settings (cao, mcpe); another officer confirms."""
    changes = _changes(approval, request, second, bound, and_city)
    if not changes:
        raise BadInput("settings.none", "no setting was named", "onevoice settings set --help")
    async with session.acting(desk, as_) as here:
        before = (await ask_authority(here)).settings
        try:
            wanted = Settings.from_value(before.model_dump(mode="json") | changes)
        except ValidationError as error:
            raise BadInput("settings.invalid", str(first_fault(error)), "onevoice settings set --help") from error
        reply = await here.order(subjects.DESK_REGISTRY_ORDER, SettingsChange(settings=wanted))
    if reply.proposal is not None:
        say_waits(desk, reply.proposal, {"control_seq": reply.control_seq})
        return Exit.BLOCKED
    said = Text(f"In force since control revision {reply.control_seq}.")
    desk.answer({"control_seq": reply.control_seq}, lambda out: out.print(said))
    return Exit.DONE


def _changes(
    approval: int | None,
    request: int | None,
    second: list[str] | None,
    bound: list[str] | None,
    and_city: bool | None,
) -> dict[str, object]:
    """Return the fields of the settings that were named."""
    changes: dict[str, object] = {}
    if approval is not None:
        changes["approval_seconds"] = approval * 60
    if request is not None:
        changes["request_seconds"] = request * 3600
    if second:
        changes["second_approver_severities"] = [] if second == ["none"] else list(dict.fromkeys(second))
    if bound:
        changes["device_bound_roles"] = None if bound == ["none"] else list(dict.fromkeys(bound))
    if and_city is not None:
        changes["and_city_in_crisis"] = and_city or None
    return changes
