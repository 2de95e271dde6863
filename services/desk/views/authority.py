"""How proposals, systems, settings and the root look to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from schemas.events import control as c
from schemas.events.authority import Grant, Settings
from schemas.events.desk import AuthorityView, ProposalView
from services.desk.keys.code import short_code
from services.desk.views import passkeys
from services.desk.views.layout import table, table_width
from services.desk.views.timetext import local
from services.kernel.base.clock import SystemClock


def sentence(action: c.ProposedAction) -> str:
    """Return what an action does, as one reads it before confirming it: ids, roles, and the short code of each key."""
    if isinstance(action, c.OfficerAdd):
        one = action.officer
        roles = ", ".join(_grant(grant) for grant in one.grants) or "no role"
        return f'Add {one.id}, "{one.name}", as {roles}; {_key(one.public_key, one.login_key)}'
    if isinstance(action, c.Reinstate | c.Rekey):
        verb = "Reinstate" if isinstance(action, c.Reinstate) else "Give a new key to"
        return f"{verb} {action.officer}; {_key(action.public_key, action.login_key)}"
    if isinstance(action, c.PasskeyAdd):
        return f"Give {action.officer} the passkey {passkeys.words(action.passkey)}"
    if isinstance(action, c.PasskeyRemove):
        return f"Take the passkey {action.credential[:12]} of {action.officer} back"
    if isinstance(action, c.Designate):
        return f"Designate {action.officer} as {_grant(action.grant)}"
    if isinstance(action, c.Revoke):
        return f"Revoke {action.officer}: all roles and the key"
    if isinstance(action, c.SettingsChange):
        return f"Settings: {'; '.join(f'{name} {value}' for name, value in settings_lines(action.settings))}"
    return action.action


def _key(signing: str | None, login: str | None) -> str:
    return f"key {short_code(signing, login)}" if signing else "no key yet: a passkey comes by a one-time link"


def _grant(grant: Grant) -> str:
    text = grant.role.value
    if grant.profiles:
        text += f" of {', '.join(grant.profiles)}"
    return text + (f" until {grant.valid_until:%Y-%m-%d %H:%M} UTC" if grant.valid_until else "")


def proposal_json(one: ProposalView) -> dict[str, Any]:
    """Return a proposal for programs."""
    return {
        "proposal": one.proposal,
        "order": one.order,
        "action": one.action.model_dump(mode="json", exclude_none=True),
        "asked": list(one.asked),
        "needed": one.needed,
        "until": one.until.isoformat(),
    }


def proposals(console: Console, found: Sequence[ProposalView]) -> None:
    """Show what waits, oldest first."""
    if not found:
        console.print(Text("Nothing waits for a second officer."))
        return
    now = SystemClock().now()
    for one in found:
        console.print(Text(f"{one.proposal}  {sentence(one.action)}", style="bold"), soft_wrap=True)
        by = ", ".join(one.asked)
        console.print(Text(f"    asked by {by}; {one.needed} have to; until {local(one.until, now)}", style="dim"))
    console.print(Text("onevoice officers confirm NUMBER, or decline NUMBER", style="dim"))


def settings_lines(settings: Settings) -> list[tuple[str, str]]:
    """Return each setting and its value, in words."""
    severities = ", ".join(settings.second_approver_severities) or "none"
    bound = ", ".join(settings.device_bound_roles or ()) or "nobody"
    own = "go along in a crisis" if settings.and_city_in_crisis else "go along with --and-city"
    return [
        ("approval lasts", f"{settings.approval_seconds // 60} min"),
        ("request lasts", f"{settings.request_seconds // 3600} h"),
        ("second approver for", severities),
        ("device-bound passkeys for", bound),
        ("the city's own profiles", own),
    ]


def systems(console: Console, view: AuthorityView) -> None:
    """Show the systems, a row for each."""
    rows = table("system", "name", "key")
    for one in view.systems:
        rows.add_row(Text(one.id), Text(one.name), Text(short_code(one.public_key)))
    console.print(rows, width=table_width(console))


def pairs(console: Console, lines: Sequence[tuple[str, str]]) -> None:
    """Show names and values."""
    rows = table("", "")
    rows.show_header = False
    for name, value in lines:
        rows.add_row(Text(name, style="dim"), Text(value))
    console.print(rows, width=table_width(console))
