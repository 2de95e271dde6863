"""Small words for reasons: lists of names that a tired person can read."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN = 20
"""How many names a reason lists before it says how many more there are."""


def either(names: Iterable[str]) -> str:
    """Return ``a, b or c``."""
    return _joined(tuple(names), "or")


def both(names: Iterable[str]) -> str:
    """Return ``a, b and c``; a long list ends with ``and 7 more``."""
    every = tuple(names)
    if len(every) > SHOWN:
        return f"{', '.join(every[:SHOWN])} and {len(every) - SHOWN} more"
    return _joined(every, "and")


def _joined(names: tuple[str, ...], word: str) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {word} {names[-1]}"
