"""The pages read the past backwards: each of its entries, and no others, however the answers are cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

from schemas import canonical
from schemas.events.desk import BoardQuery, BoardReply
from services.board.changes import Changes
from services.kernel.base.city import City
from services.kernel.base.clock import ManualClock
from services.kernel.base.errors import Unreachable
from services.kernel.base.tasks import cancel_all
from services.kernel.ledger.entry import Entry
from services.web.connection import CityConnection
from services.web.hub import Hub
from tests.support.virtual_time import in_virtual_time
from tests.unit.web.test_web_hub import AT, request

BEGUN, LENGTH = 1_000, 3_000
"""Where the pages' first start was, and how long the ledger is."""

VERDICT = b'{"outcome":"blocked"}'
LARGE = b'{"outcome":"blocked","findings":"%s"}' % (b"x" * 60_000)
SAID = 950
ALL = list(range(1, BEGUN + 1))


class Past:
    """A ledger and the board that answers from it: the n-th reading has at most ``cuts[n]`` entries; None: it fails."""

    def __init__(self, data: bytes, *cuts: int | None) -> None:
        self.cuts, self.asked, self.read = list(cuts), list[int](), list[int]()
        said = request(SAID, "r950", "Road closed")
        self._held = [Entry(seq, f"ledger.verdict.r{seq}", AT, data, {}) for seq in range(1, LENGTH + 1)]
        self._held[SAID - 1] = Entry(SAID, said.subject, AT, canonical.dumps(said.body), {})
        projection = SimpleNamespace(listen=lambda _listener: None)
        runtime = SimpleNamespace(projection=projection, source=self, fold=SimpleNamespace(seq=LENGTH))
        self._changes = Changes(cast(Any, runtime))

    async def entries(self, after: int, *, size: int) -> AsyncIterator[list[Entry]]:
        """Read, as far as it goes."""
        cut = self.cuts.pop(0) if self.cuts else size
        if cut is None:
            raise Unreachable("broker.unreachable", "the broker did not answer a read of the ledger", "onevoice doctor")
        if found := self._held[after : after + min(size, cut)]:
            yield found

    async def board(self, query: BoardQuery) -> BoardReply:
        """Answer, and note up to where."""
        since, most = query.since or 0, query.most or 500
        self.asked.append(since)
        found, following = await self._changes.since(since, most)
        self.read += [event.seq for event in found]
        return BoardReply(changes=found, next=following, as_of=LENGTH)

    async def read_by(self, city: City) -> Hub:
        """Have the pages read it for ten minutes."""
        hub = Hub(ManualClock(AT))
        hub.begin(BEGUN)
        reading = asyncio.create_task(CityConnection(city, str, hub)._read_older(cast(Any, self)))
        await asyncio.wait({reading}, timeout=600)
        await cancel_all(reading)
        return hub


def read_whole(past: Past, hub: Hub) -> bool:
    """True when each entry of the past was read once, and what was said is found."""
    return (sorted(past.read), hub.older_left, len(hub.messages.search("road"))) == (ALL, 0, 1)


@in_virtual_time
async def test_entries_that_no_answer_holds_together_lead_no_further_than_what_is_there(
    made_city: City,
) -> None:
    past = Past(LARGE)
    hub = await past.read_by(made_city)
    assert max(past.asked) < BEGUN, "before, one question led on to the ledger's end"
    assert read_whole(past, hub)
    assert len(past.asked) <= 2 * BEGUN // 100


@in_virtual_time
async def test_an_answer_that_broke_off_is_gone_on_with(
    made_city: City,
) -> None:
    """Before, what it left out was never read: no search found it."""
    past = Past(VERDICT, 30, 40, 100, 1)
    assert read_whole(past, await past.read_by(made_city))


@in_virtual_time
async def test_while_nobody_answers_it_is_asked_again(
    made_city: City,
) -> None:
    """Before, a board that started anew once left the pages without the rest of the past."""
    past = Past(VERDICT, None, 60, None, None, 0, 100, 0)
    assert read_whole(past, await past.read_by(made_city))
