"""A look at what was delivered gives way to posts that are under way, and is made all the same after a while."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas import subjects
from schemas.events.deliveries import ReceiptOutcome
from services.fanout.connectors.contract import ReadsBack
from services.fanout.delivery.destinations import Destinations
from services.fanout.delivery.due_looks import GIVE_WAY, PAUSE
from services.fanout.delivery.readback import ReadBack
from services.fanout.domain.settling import SETTLING
from services.fanout.hosts.starts import Starts
from services.kernel.base.clock import ManualClock
from services.kernel.ledger.entry import Entry
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.world import NOW, receipt
from tests.unit.kernel.test_projection_reads import Leader


class Shown(ReadsBack):
    """A platform that can be asked."""

    async def read_back(self, intent: Any, remote_id: str) -> Any:
        raise AssertionError("nothing is asked here")


class Copy:
    """A copy of fan-out with one delivered post to look after."""

    def __init__(self) -> None:
        self.clock, self.starts = ManualClock(NOW), Starts()
        runtime: Any = self
        nobody: Any = None
        platform: Any = Shown()
        delivered = receipt(outcome=ReceiptOutcome.DELIVERED, final=True, remote_id="1")
        destinations = Destinations(runtime, {delivered.platform: platform}, nobody)
        self.read_back = ReadBack(runtime, destinations, nobody, nobody, nobody, self.starts, 15.0)
        self.read_back.watch(delivered, 60, NOW)

    async def is_taken(self) -> bool:
        """Return whether the look is taken up by now."""
        try:
            async with asyncio.timeout(10 * PAUSE):
                await self.read_back._due.next()
        except TimeoutError:
            return False
        return True


@pytest.fixture
def copy() -> Copy:
    return Copy()


DUE = timedelta(seconds=SETTLING["mastodon"].read_back[0])


@in_virtual_time
async def test_a_look_that_is_due_is_taken_when_nothing_is_posted(copy: Copy) -> None:
    copy.clock.time = NOW + DUE - timedelta(seconds=1)
    assert not await copy.is_taken()
    copy.clock.time = NOW + DUE
    assert await copy.is_taken()


@in_virtual_time
async def test_it_waits_for_a_post_that_is_under_way_until_that_has_ended(copy: Copy) -> None:
    copy.clock.time = NOW + DUE
    async with copy.starts.one((0,)) as start:
        assert not await copy.is_taken()
        start.over()  # its call has begun, and its receipt is not written
        assert not await copy.is_taken()
    assert await copy.is_taken()


@in_virtual_time
async def test_it_waits_no_longer_than_a_while(copy: Copy) -> None:
    copy.clock.time = NOW + DUE + GIVE_WAY
    async with copy.starts.one((0,)):
        assert not await copy.is_taken(), "however late it is: posts have just begun"
        copy.clock.time += GIVE_WAY
        assert await copy.is_taken()


class _Receipts(Leader):
    """A ledger with junk among its receipts."""

    def __init__(self) -> None:
        super().__init__()
        delivered = receipt(outcome=ReceiptOutcome.DELIVERED, final=True, remote_id="2")
        bodies = (b"junk", delivered.to_bytes())
        place = subjects.receipt(delivered.profile, delivered.request_id)
        self.held = [Entry(seq, place, NOW, body, {}) for seq, body in enumerate(bodies, 1)]

    async def first_since(self, _at: datetime) -> int:
        """All of it is young."""
        return 1


async def test_junk_among_the_receipts_keeps_no_look_from_being_taken_up(copy: Copy) -> None:
    """Who holds fan-out's key can write it; before, nothing was looked at after a start as long as it was young."""
    source: Any = _Receipts()
    runtime: Any = copy
    runtime.ledger = runtime.source = source
    before = len(copy.read_back._due)
    await copy.read_back._take_up()
    assert len(copy.read_back._due) == before + 1


@in_virtual_time
async def test_it_gives_way_anew_to_posts_that_begin_after_a_rest(copy: Copy) -> None:
    copy.clock.time = NOW + DUE
    async with copy.starts.one((0,)):
        assert not await copy.is_taken()
    copy.clock.time = NOW
    assert not await copy.is_taken(), "it is not due any more"
    copy.clock.time = NOW + DUE + 2 * GIVE_WAY
    async with copy.starts.one((0,)):
        assert not await copy.is_taken()
