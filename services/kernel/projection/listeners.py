"""Who is told of what is folded, by kind, so that nobody is called for what is not theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.kernel.fold.applied import Applied
from services.kernel.ledger.entry import Entry

Listener = Callable[[Entry, Applied], None]

_KINDS = 64
"""Kinds of which it is remembered who hears them: junk in the ledger may be of any."""


class Listeners:
    """Functions that are called with each entry, right after it was folded, in the order in which they were added."""

    def __init__(self) -> None:
        self._all: list[tuple[Listener, tuple[str, ...]]] = []
        self._by_kind: dict[str, list[Listener]] = {}

    def add(self, listener: Listener, kinds: tuple[str, ...]) -> None:
        """Add one, for some kinds of entries or, without, for all."""
        self._all.append((listener, kinds))
        self._by_kind.clear()

    def of(self, kind: str) -> list[Listener]:
        """Return those that hear a kind."""
        known = self._by_kind.get(kind)
        if known is None:
            known = [listener for listener, kinds in self._all if not kinds or kind in kinds]
            if len(self._by_kind) < _KINDS:
                self._by_kind[kind] = known
        return known

    def tell(self, entry: Entry, applied: Applied, log: Any) -> None:
        """Call those that hear it; one that fails keeps neither the others nor what comes next from going on.

        Want of memory is no fault of the entry: it passes on, and the process ends.
        """
        for listener in self.of(applied.kind):
            try:
                listener(entry, applied)
            except MemoryError:
                raise
            except Exception:  # logged whole; the fold stands, and the ledger goes on
                log.exception("ALARM: an entry could not be taken up", seq=entry.seq, subject=entry.subject)
