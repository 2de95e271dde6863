"""What is in flight: attempts whose lease is not over and that have no receipt yet.

Asked of the ledger itself, so that each copy of a service gives the same answer, at a cost that does not grow with
the ledger's length: a binary search by time, then only the entries of one lease.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas import subjects
from schemas.canonical import loads
from schemas.streams import LEASE_SECONDS
from services.kernel.flight import Flight
from services.kernel.ledger import Entry, Ledger

CLOCK_SLACK = timedelta(seconds=1)


async def in_flight(
    ledger: Ledger, now: datetime, *, before: int | None = None, lease: float = LEASE_SECONDS
) -> tuple[Flight, ...]:
    """Return the attempts in flight at ``now``, those below the sequence ``before`` only if it is given."""
    since = now - timedelta(seconds=lease) - CLOCK_SLACK
    after = await first_since(ledger, since) - 1
    flights: list[Flight] = []
    for entry in await ledger.history(subjects.ATTEMPTS, after):
        if before is not None and entry.seq >= before:
            break
        if not await _settled(ledger, entry):
            _, _, profile, request_id = entry.subject.split(".")
            flights.append(Flight(entry.seq, entry.at, profile, request_id))
    return tuple(flights)


async def first_since(ledger: Ledger, since: datetime) -> int:
    """Return the first sequence that was stored at or after a time (one past the last if there is none)."""
    low, high = 1, await ledger.last_seq() + 1
    while low < high:
        middle = (low + high) // 2
        entry = await ledger.get(middle)
        if entry is None or entry.at >= since:
            high = middle
        else:
            low = middle + 1
    return low


async def _settled(ledger: Ledger, attempt: Entry) -> bool:
    subject = attempt.subject.replace("ledger.attempt.", "ledger.receipt.", 1)
    receipt = await ledger.last(subject)
    return receipt is not None and int(loads(receipt.data)["attempt_seq"]) >= attempt.seq
