"""Reads all that is on one request, in a handful of questions however long the ledger is.

The leader says how many entries each of its subjects has. Where there is one, as nearly everywhere, the newest is read,
many subjects at a time; the others are read whole. A filter with ``*`` before the request would have the server look
through all requests that there ever were; the counts it has at hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

from schemas import subjects
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.fold.reopening import reopen
from services.kernel.fold.state import RequestState
from services.kernel.ledger.entry import Entry
from services.kernel.projection.source import BATCH, Source

READS = 16
"""Subjects that are read whole at the same time."""


class Reads(Protocol):
    """What is asked of the ledger: a projection, which knows where a replica is behind its leader."""

    source: Source

    async def all_of(self, pattern: str) -> list[Entry]:
        """Return all that the leader has on a filter, in order; raises Unreachable."""
        ...


async def state_of(request_id: str, fold: LedgerFold, reads: Reads, boot: float) -> RequestState | None:
    """Return what there is of a request, also of one that has left memory; None where the ledger has none.

    Args:
        request_id: the request.
        fold: what is known; it is not changed.
        reads: what is asked.
        boot: the present in boot-time seconds, from which leases of attempts are counted.

    Raises:
        Unreachable: the broker does not answer, or all that answers is behind its leader.
    """
    known = fold.requests.get(request_id)
    if known is not None:
        return known
    found = await entries_on(request_id, reads, fold.seq)
    scratch = fold.apart()
    reopen(scratch, request_id, found, boot)
    return scratch.requests.get(request_id)


async def state_on(request_id: str, profile: str, fold: LedgerFold, reads: Reads, boot: float) -> RequestState | None:
    """Return what stands of a request on one profile, as ``state_of`` does; the rest of it may be missing.

    What does not count is left out, as in any fold: the newest entry of a subject may be void. Whether a revision
    counts, what was begun on the other profiles says: of a request that has several, the whole is read.
    """
    known = fold.requests.get(request_id)
    if known is not None:
        return known
    every = await entries_of_all(subjects.on_profile(request_id, profile), reads)
    found = [entry for entry in every if entry.seq <= fold.seq]
    if sum(entry.subject == subjects.request(request_id) for entry in found) > 1:
        return await state_of(request_id, fold, reads, boot)
    scratch = fold.apart()
    reopen(scratch, request_id, found, boot)
    return scratch.requests.get(request_id)


async def entries_on(request_id: str, reads: Reads, up_to: int) -> list[Entry]:
    """Return the entries on a request that any reader folds, in no order.

    Args:
        request_id: the request; nothing is read of one that the ledger does not have.
        reads: what is asked.
        up_to: the sequence up to which entries are wanted; the leader has to have it.

    Raises:
        Unreachable: the broker does not answer, or all that answers is behind its leader.
    """
    counts = await _counts(request_id, reads)
    once = [name for name, count in counts.items() if count == 1]
    # What comes after the counts is above ``up_to``: of a subject that has one entry, none but that is found.
    newest: dict[str, Entry] = {}
    for start in range(0, len(once), BATCH):
        found = await reads.source.newest(once[start : start + BATCH], up_to)
        newest |= {entry.subject: entry for entry in found}
    whole = await entries_of_all((name for name in counts if name not in newest), reads)
    return [entry for entry in (*newest.values(), *whole) if entry.seq <= up_to]


async def entries_of_all(patterns: Iterable[str], reads: Reads) -> list[Entry]:
    """Return the entries on several subjects or filters; a few are read at a time."""
    few = asyncio.Semaphore(READS)

    async def one(pattern: str) -> list[Entry]:
        async with few:
            return await reads.all_of(pattern)

    batches = await asyncio.gather(*(one(pattern) for pattern in sorted(patterns)))
    return [entry for batch in batches for entry in batch]


async def _counts(request_id: str, reads: Reads) -> dict[str, int]:
    """Return how many entries each subject of a request has; none without a request."""
    wanted = subjects.all_of(request_id)
    counts = await reads.source.counts(f"ledger.*.{request_id}")
    if subjects.request(request_id) not in counts:
        return {}
    for more in await asyncio.gather(
        reads.source.counts(f"ledger.approval.{request_id}.*"), reads.source.counts(f"ledger.*.*.{request_id}")
    ):
        counts |= more
    return {
        name: count
        for name, count in counts.items()
        # A subject that was stored with a wildcard in it would be read as a filter.
        if any(subjects.matches(one, name) for one in wanted) and all(map(subjects.is_token, name.split(".")))
    }
