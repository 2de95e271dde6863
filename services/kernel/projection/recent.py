"""When the newest entries that were folded were stored, so that another story at the same sequences is noticed."""

from __future__ import annotations

from datetime import datetime

from services.kernel.ledger.entry import Entry

KEPT = 4_096


class RecentEntries:
    """Remembers the last ``KEPT`` entries by their stamps."""

    def __init__(self) -> None:
        self._at: list[tuple[int, datetime] | None] = [None] * KEPT

    def note(self, entry: Entry) -> None:
        """Remember one that was folded."""
        self._at[entry.seq % KEPT] = entry.seq, entry.at

    def contradicts(self, entry: Entry) -> bool:
        """Return whether another entry was folded at this one's sequence; an older one is not remembered."""
        known = self._at[entry.seq % KEPT]
        return known is not None and known[0] == entry.seq and known[1] != entry.at
