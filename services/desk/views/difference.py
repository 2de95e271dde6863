"""What a message changes of the one that it follows, word by word, for who approves it."""

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
    """Show what is other than in the message that it follows; changed words stand in brackets."""
    was, now = difference(earlier.text, request.text)
    console.print(Text(f"Beside {earlier.request_id}:", style="bold"))
    if earlier.text == request.text:
        console.print(Text("  the same text", style="dim"))
    else:
        console.print(_line("was", was, "red"), width=width(console))
        console.print(_line("now", now, "green"), width=width(console))
    for name, old, new in (("severity", earlier.severity, request.severity), ("link", earlier.link, request.link)):
        if old != new:
            console.print(Text(f"  {name}: {old or 'none'}, now {new or 'none'}"), width=width(console))


def earlier_json(earlier: Request | None) -> dict[str, Any] | None:
    """Return the message that a request follows, for programs."""
    return None if earlier is None else {"request_id": earlier.request_id, "text": earlier.text}


def _line(name: str, pieces: list[Piece], style: str) -> Text:
    line = Text(f"  {name}  ", style="dim")
    for piece in pieces:
        if piece.changed and piece.text.strip():
            line.append(f"[{piece.text.strip()}]", style=f"not dim {style}")
            line.append(" " if piece.text[-1].isspace() else "")
        else:
            line.append(piece.text, style="not dim")
    return line
