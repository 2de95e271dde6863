"""Where the desk's words go: consoles for people, one JSON value for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from schemas import unseen
from services.desk.views.hints import typed

LEAST_WIDTH, USUAL_WIDTH = 30, 80
"""Columns that a table needs for one to read it, and those of a terminal that does not say how many it has (0)."""


class PlainConsole(Console):
    """A console that shows nothing raw: what a message smuggles in (ESC, marks that reorder) is spelt out."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, with each unseen character spelt out; what rich itself sends to a terminal stays."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=unseen.shown(segment.text))


def console() -> Console:
    """Return the console for results: standard output; colour only on a terminal and without NO_COLOR."""
    return _readable(PlainConsole(highlight=False, emoji=False, soft_wrap=False))


def errors_console() -> Console:
    """Return the console for what is not the result: standard error."""
    return _readable(PlainConsole(stderr=True, highlight=False, emoji=False, soft_wrap=True))


def _readable(made: Console) -> Console:
    if made.width < LEAST_WIDTH:
        made.width = LEAST_WIDTH if made.width > 0 else USUAL_WIDTH
    return made


def people_console(as_json: bool) -> Console:
    """Return where people read along: standard output, or standard error when that carries JSON.

    With ``--json`` it stays silent unless standard error is a terminal.
    """
    if not as_json:
        return console()
    talk = errors_console()
    talk.quiet = not talk.is_terminal
    return talk


def note(text: str) -> None:
    """Say something that is not the result, faintly, on standard error."""
    errors_console().print(Text(typed(text), style="dim"), soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON value, readable."""
    sys.stdout.write(_spelt(json.dumps(value, ensure_ascii=False, indent=2)) + "\n")
    sys.stdout.flush()


def print_json_line(value: Any) -> None:
    """Print one JSON value on one line, for streams of them."""
    sys.stdout.write(_spelt(json.dumps(value, ensure_ascii=False, separators=(",", ":"))) + "\n")
    sys.stdout.flush()


def _spelt(text: str) -> str:
    """Return JSON in which no unseen character stands raw: within its strings each has an escape of its own."""
    for character in unseen.in_text(text):
        text = text.replace(character, json.dumps(character)[1:-1])
    return text
