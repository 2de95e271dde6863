"""The table of requests that wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from schemas import fingerprint
from schemas.events.desk import DeliveryView, RequestView
from services.desk.views.layout import table, table_width
from services.desk.views.message import unconfirmed
from services.desk.views.message.request import VERDICT_STYLE, deliveries, what_to_type, word_of
from services.desk.views.timetext import ago


def pending_table(console: Console, views: Sequence[RequestView], now: datetime) -> None:
    """Show the open requests, a row for each, with the four words to compare under its text."""
    if not views:
        console.print("Nothing waits.")
        return
    rows = table("request", "by", "verdict", "ends", "text")
    for view in views:
        request, found = view.request, view.verdict
        said = Text(word_of(view), style=VERDICT_STYLE[found.outcome] if found else "")
        line = " ".join(request.text.split())
        short = line if len(line) <= 80 else line[:79] + "…"
        rows.add_row(
            Text(request.request_id),
            Text(request.author),
            said,
            Text(f"in {ago((request.expires_at - now).total_seconds())}" if request.expires_at > now else "ended"),
            Text(short).append(f"\n{fingerprint.words_of(request)}", style="bold"),
        )
    console.print(rows, width=table_width(console))
    for view in views:
        if later := tuple(item for item in view.deliveries if item.retry_at is not None):
            console.print()
            console.print(Text(f"{view.request.request_id} waits:", style="yellow"))
            deliveries(console, _alike(later))
        if waiting := unconfirmed.of(view):
            console.print()
            what = "waits for a person" if all(map(unconfirmed.by_hand, waiting)) else "is unconfirmed"
            console.print(Text(f"{view.request.request_id} {what}:", style="bold red"))
            deliveries(console, waiting)
            what_to_type(console, view)


def _alike(views: Iterable[DeliveryView]) -> tuple[DeliveryView, ...]:
    """Return one view for those that wait alike, which says how many more there are: a message may go to thousands."""
    found: dict[tuple[object, ...], list[DeliveryView]] = {}
    for view in views:
        found.setdefault((view.outcome, view.reason, view.retry_at), []).append(view)
    return tuple(
        first.model_copy(update={"profile": f"{first.profile} and {len(others)} more"}) if others else first
        for first, *others in found.values()
    )
