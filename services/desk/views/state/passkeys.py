"""How passkeys and one-time links look to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from schemas.events.enrolment import InviteView
from schemas.events.passkeys import Passkey
from services.desk.views.hints import typed
from services.desk.views.layout import table, table_width
from services.desk.views.timetext import local
from services.kernel.authority.passkeys import passkey_code
from services.kernel.base.clock import SystemClock


def code_of(passkey: Passkey) -> str:
    """Return a passkey's short code."""
    return passkey_code(passkey)


def words(passkey: Passkey) -> str:
    """Return a passkey's name, its short code and where it counts, as one reads it before confirming it."""
    where = "on one device" if passkey.device_bound else "may be copied between devices"
    return f'"{passkey.label}", code {passkey_code(passkey)}, for {passkey.origin}, {where}'


def as_json(found: Sequence[tuple[str, Passkey]], links: Sequence[InviteView]) -> dict[str, Any]:
    """Return passkeys and links for programs; no link can be used from what is here."""
    return {
        "passkeys": [
            {"officer": name, "code": passkey_code(one), **one.model_dump(mode="json")} for name, one in found
        ],
        "links": [one.model_dump(mode="json", exclude={"token_sha256"}) for one in links],
    }


def passkeys(console: Console, found: Sequence[tuple[str, Passkey]], links: Sequence[InviteView]) -> None:
    """Show the passkeys, a row for each, and the links that were not used yet."""
    rows = table("officer", "passkey", "code", "copied", "for")
    for name, one in found:
        copied = "no" if one.device_bound else "may be"
        rows.add_row(Text(name), Text(one.label), Text(passkey_code(one)), copied, Text(one.origin))
    if found:
        console.print(rows, width=table_width(console))
    else:
        console.print(Text(typed("Nobody has a passkey. onevoice passkeys link OFFICER makes a link to add one.")))
    now = SystemClock().now()
    for link in links:
        said = f"A link for {link.officer} by {link.invited_by} waits to be used, until {local(link.until, now)}."
        console.print(Text(said, style="dim"))
