"""How promised updates look that are near or overdue: who owes the public a word, and what to type."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from schemas import unseen
from schemas.events.notices import PromisedUpdate
from services.desk.views.hints import typed
from services.desk.views.layout import width
from services.desk.views.output import errors_console
from services.desk.views.timetext import ago, local

_SHORT = 120


def listed(console: Console, owed: Sequence[PromisedUpdate], now: datetime) -> None:
    """Show promised updates, a block for each: id, author, until when, the words, and the commands to type."""
    if not owed:
        return
    console.print(Text(f"\nPromised updates that did not come yet, {len(owed)}:", style="bold"))
    for one in owed:
        left = (one.by - now).total_seconds()
        when = f"in {ago(left)}" if left > 0 else f"{ago(left)} ago"
        head = f"{one.request_id}  {one.author}  promised more by {local(one.by, now)} ({when})"
        console.print(Text(head, style="yellow" if left > 0 else "bold red"), soft_wrap=True)
        words = " ".join(unseen.shown(one.text).split())
        lines = [words if len(words) <= _SHORT else words[: _SHORT - 1] + "…"]
        lines += [typed(f"onevoice update {one.request_id} TEXT"), typed(f"onevoice all-clear {one.request_id}")]
        for line in lines:
            console.print(Padding(Text(line), (0, 0, 0, 2)), width=width(console))


def named(owed: Sequence[PromisedUpdate]) -> None:
    """Name them on standard error, for programs, whose answer is the list of requests."""
    if owed:
        errors_console().print(
            Text(typed(f"promised updates: {', '.join(one.request_id for one in owed)}; onevoice pending"))
        )
