"""Draws the diagrams of the documents from the flow map and from the tables of states, never by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from services.fanout.domain import delivery_state
from services.kernel.fold import request_phase
from services.provision.generate import flow_diagram

DOCS = Path(__file__).resolve().parents[3] / "docs"
END = "<!-- /generated -->"


DIAGRAMS: dict[str, dict[str, Callable[[], str]]] = {
    "architecture.md": {"flow": flow_diagram.mermaid},
    "states.md": {"request": request_phase.TABLE.mermaid, "delivery": delivery_state.TABLE.mermaid},
}
"""Each document with its diagrams, by the name in the comment that marks the place."""


def documents() -> Iterator[tuple[Path, str]]:
    """Yield each document that has diagrams, with its text as it has to be."""
    for name, diagrams in DIAGRAMS.items():
        path = DOCS / name
        text = path.read_text(encoding="utf-8")
        for mark, draw in diagrams.items():
            text = _with_diagram(text, f"<!-- generated: {mark} -->", draw())
        yield path, text


def _with_diagram(text: str, begin: str, diagram: str) -> str:
    if begin not in text:
        raise ValueError(f"the document has no place for a diagram: {begin}")
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(END)
    return f"{head}{begin}\n\n```mermaid\n{diagram}\n```\n\n{END}{tail}"
