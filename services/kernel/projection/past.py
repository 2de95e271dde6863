"""Reads what is on a filter, batch after batch, as far as the leader has it: a long past is never all in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from services.kernel.base.errors import Unreachable
from services.kernel.fold.reading import is_first
from services.kernel.ledger.entry import Entry
from services.kernel.projection.source import BATCH, Source

LAGGING_SECONDS, LAGGING_TRIES = 0.05, 100
"""A replica that is behind what the leader has is read again after so long, and so often."""

IN_A_ROW = 50
"""Entries that are handed over before others have their turn: who takes them parses each."""


SLOWLY, FEW, LONGEST_REST = 2_500, 100, 1.0
"""For a long past that nobody waits for: entries of the ledger that are passed in a second; entries that are read at
a time, and seconds between two times at most.

The server holds the 8 MB round an entry that was read for ten seconds and more, and what was let go of until it holds
twice as much.
"""


async def past(source: Source, pattern: str, after: int = 0, a_second: int | None = None) -> AsyncIterator[Entry]:
    """Yield what the leader has on a filter above a sequence, in order; what comes meanwhile may be left out.

    A replica that is behind is asked again. ``a_second``: so many entries of the ledger are passed in a second at most,
    whether they are on the filter or not.

    Raises:
        Unreachable: the broker does not answer; ``ledger.behind``, all that answers is behind its leader.
    """
    newest = await source.last(pattern)
    if newest is None or newest.seq <= after:
        return
    if is_first(newest) and "*" not in pattern:
        yield newest
        return
    at, tries = after, 0
    while at < newest.seq:
        before = at
        async for batch in source.entries(at, pattern, BATCH if a_second is None else FEW):
            for number, entry in enumerate(batch):
                yield entry
                if number % IN_A_ROW == 0:
                    await asyncio.sleep(0)
            passed, at = batch[-1].seq - at, batch[-1].seq
            if a_second is not None and at < newest.seq:
                await asyncio.sleep(min(passed / a_second, LONGEST_REST))
        tries = 0 if at > before else await read_again(tries, f"{pattern} could not be read up to {newest.seq}")


async def read_again(tries: int, what: str) -> int:
    """Wait a moment before a replica is read again that had nothing new; raises Unreachable after a while."""
    if tries >= LAGGING_TRIES:
        raise Unreachable("ledger.behind", f"{what} in time", "onevoice doctor")
    await asyncio.sleep(LAGGING_SECONDS)
    return tries + 1
