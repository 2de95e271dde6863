"""What a message changes of the one that it follows, or of its revision before, word by word, for who approves it."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from schemas.events.requests import Request
from services.desk.views.layout import width

ALIKE = 0.3
"""Texts that have less than this share in common are shown one after the other, without marks."""

_WORDS = re.compile(r"\s+|[^\s]+")


@dataclass(frozen=True)
class Piece:
    """A part of a text; ``changed``: the other text does not have it there."""

    text: str
    changed: bool


def difference(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    """Return both texts in pieces; nothing is marked where they have too little in common. Pure."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if difflib.SequenceMatcher(None, before.split(), after.split(), autojunk=False).ratio() < ALIKE:
        return [Piece(before, False)], [Piece(after, False)]
    match = difflib.SequenceMatcher(None, old, new, autojunk=False)
    was, now = [], []
    for what, i, j, k, m in match.get_opcodes():
        was.append(Piece("".join(old[i:j]), what != "equal"))
        now.append(Piece("".join(new[k:m]), what != "equal"))
    return [piece for piece in was if piece.text], [piece for piece in now if piece.text]


def show(console: Console, earlier: Request, request: Request) -> None:
    """Show what is other than in the message that it follows, or that it revises; changed words stand in brackets."""
    was, now = difference(earlier.text, request.text)
    same = earlier.request_id == request.request_id
    name = f"revision {earlier.revision}, by {earlier.author}" if same else earlier.request_id
    console.print(Text(f"Beside {name}:", style="bold"))
    if earlier.text == request.text:
        console.print(Text("  the same text", style="dim"))
    else:
        console.print(_line("was", was, "red"), width=width(console))
        console.print(_line("now", now, "green"), width=width(console))
    for name, old, new in _facts(earlier, request, same):
        if old != new:
            console.print(Text(f"  {name}: {old or 'none'}, now {new or 'none'}"), width=width(console))


def _facts(earlier: Request, request: Request, same: bool) -> list[tuple[str, str | None, str | None]]:
    found = [("severity", earlier.severity, request.severity), ("link", earlier.link, request.link)]
    if same:
        targets = ", ".join(earlier.targets), ", ".join(request.targets)
        crisis = ("crisis content", "routine content")
        found += [("profiles", *targets), ("kind", crisis[not earlier.crisis], crisis[not request.crisis])]
    return [(name, old, new) for name, old, new in found]


def earlier_json(earlier: Request | None) -> dict[str, Any] | None:
    """Return the message that a request follows, for programs."""
    if earlier is None:
        return None
    return {"request_id": earlier.request_id, "revision": earlier.revision, "text": earlier.text}


def _line(name: str, pieces: list[Piece], style: str) -> Text:
    line = Text(f"  {name}  ", style="dim")
    for piece in pieces:
        if piece.changed and piece.text.strip():
            line.append(f"[{piece.text.strip()}]", style=f"not dim {style}")
            line.append(" " if piece.text[-1].isspace() else "")
        else:
            line.append(piece.text, style="not dim")
    return line
