"""A fault of the record or the ledger: a sequence, a stable code and one plain sentence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Violation:
    """Something that may not be. ``seq`` is the ledger sequence that it is at, 0 where there is none."""

    seq: int
    code: str
    message: str
