"""Holding the copy against the live ledger, sequence by sequence."""

from __future__ import annotations

from typing import Protocol

from services.audit.verify.line import LedgerEntry, Line, differences
from services.audit.verify.report import Violation
from services.audit.verify.whole import frame_of
from services.kernel.city import City


class LiveLedger(Protocol):
    """What the comparison reads of the ledger (services.kernel.ledger.Ledger has it)."""

    async def get(self, seq: int) -> LedgerEntry | None:
        """Return the entry at a sequence, or None."""
        ...

    async def last_seq(self) -> int:
        """Return the newest sequence."""
        ...


async def compare_record(city: City, ledger: LiveLedger) -> tuple[Violation, ...]:
    """Return each difference between the copy and the ledger, by sequence; empty when the copy is a true one.

    Entries that the ledger got after the copy's last are no difference: they are on their way. Damage within the
    copy itself is told too, since what cannot be read cannot be compared.
    """
    frame = frame_of(city)
    found = []
    for line in frame.lines():
        unlike = difference(line, await ledger.get(line.seq))
        if unlike:
            found.append(unlike)
    frame.prove()
    last = await ledger.last_seq()
    if last < frame.last_seq:
        found.append(
            Violation(
                last + 1,
                "ledger.lost",
                f"The ledger ends at {last}, and the copy holds entries up to {frame.last_seq}.",
            )
        )
    return tuple(sorted((*frame.violations, *found), key=lambda one: one.seq))


def difference(copy: Line, live: LedgerEntry | None) -> Violation | None:
    """Return how one entry of the copy differs from the ledger's, if it does."""
    if live is None:
        return Violation(copy.seq, "ledger.missing", f"The ledger has no entry {copy.seq} any more.")
    what = differences(copy, live)
    if not what:
        return None
    return Violation(copy.seq, "ledger.rewritten", f"The ledger shows another {' and '.join(what)} at {copy.seq}.")
