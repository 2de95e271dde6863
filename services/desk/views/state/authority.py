"""How proposals, systems, settings and the root look to people."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from rich.console import Console
from rich.text import Text

from schemas.events import control as c
from schemas.events.authority import Grant, Manifest, Officer, Renewal, Settings
from schemas.events.desk import AuthorityView
from schemas.events.proposals import ProposalView
from services.desk.keys.code import short_code
from services.desk.views.hints import typed
from services.desk.views.layout import table, table_width
from services.desk.views.state import passkeys
from services.desk.views.timetext import local, utc, zoned
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
    return text + (f" until {zoned(grant.valid_until)}" if grant.valid_until else "")


def proposal_json(one: ProposalView) -> dict[str, Any]:
    """Return a proposal for programs."""
    return {
        "proposal": one.proposal,
        "order": one.order,
        "action": one.action.model_dump(mode="json", exclude_none=True),
        "asked": list(one.asked),
        "needed": one.needed,
        "until": utc(one.until),
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
    console.print(Text(typed("onevoice officers confirm NUMBER, or decline NUMBER"), style="dim"))


def first_manifest(console: Console, one: Manifest, signed: Set[str]) -> None:
    """Show what a manifest gives to whom, with the code of each key, as one reads it before signing it."""
    rows: list[tuple[str, ...]] = [("profile", own.id, f"{own.account} on {own.platform}") for own in one.profiles]
    rows += settings_lines(one.settings)
    rows += [("system", system.id, system.name, f"key {short_code(system.public_key)}") for system in one.systems]
    rows += [("officer", who.id, who.name, _roles(who), _keys_of(who, signed)) for who in one.officers]
    rows.append(("seals the record", f"key {short_code(one.audit_key)}" if one.audit_key else "nobody"))
    rows.append(("threshold", f"{one.threshold or 1} sign it, and have to ask for each change of power"))
    rows.append(("until", f"{one.expires_at:%Y-%m-%d}" if one.expires_at else "without an end"))
    console.print(Text(f"The first manifest of {' '.join(one.city.split())}, realm {one.realm}"), soft_wrap=True)
    for row in rows:  # a name with a line break may not look like a row of its own
        console.print(Text("  " + "  ".join(" ".join(part.split()) for part in row)), soft_wrap=True)


def _roles(who: Officer) -> str:
    return ", ".join(map(_grant, who.grants)) or "no role"


def _keys_of(who: Officer, signed: Set[str]) -> str:
    found = [_key_signed(who.public_key, signed)] if who.public_key else []
    found += [f"logs in with key {short_code(who.login_key)}"] if who.login_key else []
    found += [f"passkey {passkeys.words(one)}" for one in who.passkeys or ()]
    return ", ".join(found) or "no key: enrols later"


def renewal(console: Console, one: Renewal, signed: Set[str]) -> None:
    """Show a renewal of the root, with the code of each key, as one reads it before signing it."""
    console.print(Text(f"Version {one.version} of the root, realm {one.realm}, until {one.expires_at:%Y-%m-%d}"))
    for key in one.root_keys:
        console.print(Text(f"  {key}  {_key_signed(key, signed)}"), soft_wrap=True)
    if one.audit_key is not None:
        sealing = f"  {one.audit_key}  key {short_code(one.audit_key)}  seals the record from then on"
        console.print(Text(sealing), soft_wrap=True)
    console.print(Text(f"It takes {one.threshold} of these, and a threshold of the keys in force.", style="dim"))


def _key_signed(key: str, signed: Set[str]) -> str:
    return f"key {short_code(key)}, {'signed' if key in signed else 'has not signed'}"


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
