"""How dead letters look to people and programs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from schemas.events.dead import DeadLetterView
from services.desk.views.hints import typed
from services.desk.views.layout import table as rows_of
from services.desk.views.layout import table_width, width
from services.desk.views.timetext import ago, in_city_time, local

MAX_BODY = 4_000
"""Characters of a message that are shown to people; ``--json`` has all that was kept."""

_WHAT = {
    "unreadable": "could not be read",
    "failed": "failed each time",
    "killed": "its process died each time",
    "given_up": "given up by the server",
}
_STATE = {
    "open": "",
    "sent_again": "sent again, still under way",
    "handled": "sent again, handled",
    "failed_again": "sent again, failed again",
    "dropped": "dropped",
}


def as_json(view: DeadLetterView) -> dict[str, Any]:
    """Return a dead letter for programs; its body in base64."""
    return view.model_dump(mode="json", exclude_none=True)


def table(console: Console, views: Sequence[DeadLetterView], now: datetime) -> None:
    """Show dead letters, a block for each: number, service, what happened, why, age, and the command to type."""
    if not views:
        console.print("No dead letters.")
        return
    for view in views:
        waits = f"{ago((now - view.last_at).total_seconds())} ago"
        head = Text(f"dead letter {view.letter}", style="bold red" if view.state == "open" else "bold")
        console.print(head, Text(f"{view.service}: {_WHAT[view.cause]}{_tries(view)}, {waits}"), soft_wrap=True)
        for line in _lines(view):
            console.print(Padding(Text(line), (0, 0, 0, 2)), width=width(console))


def whole(console: Console, view: DeadLetterView, now: datetime) -> None:
    """Show one dead letter with the message itself."""
    table(console, [view], now)
    facts = rows_of("", "")
    facts.show_header = False
    rows = [("consumer", view.durable or "not known"), ("first tried", local(view.first_at, now))]
    rows += [("last tried", local(view.last_at, now))]
    rows += [("sent again from", f"dead letter {view.again_of}")] if view.again_of else []
    for name, value in rows:
        facts.add_row(Text(name, style="dim"), Text(value))
    console.print(facts, width=table_width(console))
    if view.data_base64:
        console.print(Text(_readable(base64.b64decode(view.data_base64))), soft_wrap=True)


def outcomes(console: Console, views: Sequence[DeadLetterView]) -> None:
    """Say how sending again, or dropping, went."""
    if not views:
        console.print("No dead letters.")
    for view in views:
        said = f"dead letter {view.letter}: {_STATE[view.state] or 'still open'}"
        console.print(Text(f"{said}; {view.said}" if view.said else said), soft_wrap=True)


def _lines(view: DeadLetterView) -> list[str]:
    lines = [f"{view.subject} (ledger entry {view.seq})", in_city_time(view.reason)]
    if view.state == "open":
        lines.append(typed(f"once the cause is fixed: onevoice dead again {view.letter} --as OFFICER"))
    else:
        by = f" by {view.officer}" if view.officer else ""
        lines.append(f"{_STATE[view.state]}{by}{f': {view.said}' if view.said else ''}")
    return lines


def _tries(view: DeadLetterView) -> str:
    return f" ({view.tries} tries)" if view.tries > 1 else ""


def _readable(raw: bytes) -> str:
    """Return a body as text that is safe on a terminal."""
    text = raw.decode("utf-8", errors="backslashreplace")
    text = "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)
    return text if len(text) <= MAX_BODY else f"{text[:MAX_BODY]}… ({len(raw)} bytes)"
