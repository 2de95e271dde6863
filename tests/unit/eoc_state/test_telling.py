"""What a person has to look at is told until it has gone out."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import nats.errors
import pytest

from schemas.events.broadcasts import EocBroadcast
from services.eoc_state.broadcast import PostureBroadcast
from services.kernel.base.clock import ManualClock
from services.kernel.base.tasks import cancel_all
from services.kernel.fold.taken_over import SHOWN, TakenOver
from services.kernel.ledger.entry import Entry
from services.kernel.runtime.flights import Flights
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.world import NOW, control

LATE = TakenOver("fire-social", "r1", "w1", "w2", NOW, 0.0, stands="https://social.example/1", late=True)


class Telling:
    """A city in which a post stands that was taken back, and a broker that raises what it is told to."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors, self.told = list(errors), list[EocBroadcast]()
        self.clock = ManualClock(NOW)
        newest = Entry(9, "ledger.receipt.fire-social.r1", NOW, b"", {})
        self.projection = SimpleNamespace(newest=newest, listen=lambda *_: None)
        self.fold = SimpleNamespace(taken_over={7: LATE}, chain=SimpleNamespace(replaced={}), requests={})
        runtime: Any = SimpleNamespace(
            clock=self.clock,
            projection=self.projection,
            control=control(),
            fold=self.fold,
            bus=self,
            health=SimpleNamespace(publish=self.beat),
            lease_seconds=15.0,
        )
        self.broadcast = PostureBroadcast(runtime, Flights(runtime))

    async def publish(self, _subject: str, event: EocBroadcast) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.told.append(event)

    async def beat(self) -> None:
        """It lives."""

    async def tell(self, seconds: float) -> None:
        """Let it run for so long; raise what it raises."""
        running = asyncio.create_task(self.broadcast.keep_late_posts_told())
        await asyncio.wait({running}, timeout=seconds)
        if running.done():
            await running
        await cancel_all(running)

    def named(self) -> list[list[int]]:
        """What each broadcast named."""
        return [[late.attempt_seq for late in one.late_posts or ()] for one in self.told]


@in_virtual_time
async def test_a_post_that_could_not_be_told_of_is_told_of_once_the_broker_is_back() -> None:
    """Before, it was heard of only at the next control change."""
    city = Telling(nats.errors.ConnectionClosedError())
    with pytest.raises(nats.errors.ConnectionClosedError):
        await city.tell(3)
    await city.tell(5)
    assert city.named() == [[7]], "and once"
    city.fold.taken_over.clear()
    await city.tell(5)
    assert city.named() == [[7], []]


@in_virtual_time
async def test_for_how_long_it_is_told_goes_by_the_brokers_time() -> None:
    """Before, a clock that was a day ahead hid from everybody that a post stands which was taken back."""
    city = Telling()
    city.clock.time += 3 * SHOWN
    await city.tell(3)
    assert city.named() == [[7]]
    city.projection.newest = Entry(10, "ledger.control", NOW + SHOWN, b"", {})
    await city.tell(3)
    assert city.named() == [[7], []]


@in_virtual_time
async def test_it_ends_in_a_city_in_which_nothing_is_written_too() -> None:
    city = Telling()
    await city.tell(3)
    city.clock.time += SHOWN
    await city.tell(3)
    assert city.named() == [[7], []]
