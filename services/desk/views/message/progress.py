"""What changed on a request since it was last shown, line by line; for ``status --watch``."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from schemas.events.desk import RequestView
from services.desk.views.message import request as show
from services.desk.views.timetext import local
from services.kernel.base.clock import SystemClock


class ProgressPrinter:
    """Shows each view's difference from the one before."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, Any] = {}

    def show(self, view: RequestView) -> None:
        """Print the head and the verdict of the first view, and of each further one what is new."""
        now = SystemClock().now()
        facts = _facts(view)
        if not self._shown:
            show.request_head(self._console, view.request, now)
            show.verdict(self._console, view.verdict)
            self._shown["verdict"] = facts["verdict"]
        for name, fact in facts.items():
            if self._shown.get(name) == fact:
                continue
            if name == "verdict":
                self._console.print(Text(local(now, now), style="dim"), end=" ")
                show.verdict(self._console, view.verdict)
            else:
                said = "WITHDRAWN" if name == "withdrawn" else f"{name}  {fact[0]}  {fact[1] or ''}"
                self._console.print(Text(f"{local(now, now)}  {said}"), soft_wrap=True)
        self._shown = facts


def _facts(view: RequestView) -> dict[str, Any]:
    facts: dict[str, Any] = {"verdict": view.verdict.outcome.value if view.verdict else None}
    facts |= {delivery.profile: (delivery.outcome, delivery.url) for delivery in view.deliveries}
    return facts | ({"withdrawn": True} if view.withdrawn else {})
