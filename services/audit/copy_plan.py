"""How a batch of the ledger goes into the copy: what is new, what is known already, what is missing between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.kernel.ledger.client import Entry


@dataclass(frozen=True)
class CopyPlan:
    """``new`` in rising order, each once; ``known``: at or below the copy's last entry, to be compared."""

    new: tuple[Entry, ...]
    known: tuple[Entry, ...]


def plan(last_seq: int, batch: Iterable[Entry]) -> CopyPlan:
    """Return what to do with a batch, in whatever order and however often the entries came."""
    by_seq: dict[int, Entry] = {}
    for entry in batch:
        by_seq.setdefault(entry.seq, entry)
    ordered = sorted(by_seq.values(), key=lambda entry: entry.seq)
    return CopyPlan(
        new=tuple(entry for entry in ordered if entry.seq > last_seq),
        known=tuple(entry for entry in ordered if entry.seq <= last_seq),
    )


@dataclass(frozen=True)
class SealRule:
    """When the copy is sealed in the ledger: after so many entries, or so many seconds after the first of them.

    Seals themselves do not count, or each would call for the next.
    """

    entries: int = 1_000
    seconds: float = 60.0

    def due(self, unsealed: int, waited: float) -> bool:
        """Return whether to seal, with so many entries (seals left out) not under a seal for so many seconds."""
        return unsealed >= self.entries or (unsealed > 0 and waited >= self.seconds)
