"""A worker whose clock is behind goes by the ledger's stamps: it holds nothing back, and goes on with nothing over."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from services.fanout.delivery.judge import EARLY_SECONDS, Judge, end_of
from services.fanout.delivery.places import Places
from services.fanout.domain.step import End, Post, Step, Wait
from services.kernel.authority.post_authorization import PostViolation
from services.kernel.ledger.entry import Entry
from services.kernel.projection.server_time import present
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.test_posting_receipts import Harness
from tests.unit.fanout.world import NOW, approval, profile, receipt
from tests.unit.states import ended_target

BEHIND = timedelta(minutes=10)


class BehindHarness(Harness):
    """A worker ten minutes behind; the newest entry of the ledger was stored at ``stamp``."""

    def __init__(self, stamp: datetime) -> None:
        super().__init__()
        self.state.said = (approval(self.state.request, "mcpe", issued_at=NOW - timedelta(seconds=2)),)
        self.clock.time = stamp - BEHIND
        self.newest: Entry | None = Entry(70, "ledger.verdict.r2", stamp, b"", {})
        parts: Any = self.posting
        self.runtime = parts._runtime
        self.runtime.city = SimpleNamespace(realm="live")
        self.runtime.present = lambda: present(self.clock, self.newest)

    def violations(self) -> tuple[PostViolation, ...]:
        return Judge(self.runtime).violations(self.place, profile("fire-social"))

    def next_step(self) -> Step:
        self.state.targets.clear()
        places = Places(self.runtime, 15.0)
        return places.next_step(places.in_state(self.state, "fire-social"))


def test_an_approval_of_this_moment_is_none_of_the_future() -> None:
    """It would be held back behind its verdict for good, also for the copies whose clocks are right."""
    assert not BehindHarness(NOW).violations()


@pytest.mark.parametrize("over", [False, True])
def test_what_is_over_by_the_ledger_s_stamps_is_not_attempted_any_more(over: bool) -> None:
    """Such an attempt would not count, and the next one would follow a second later, until the clock is there."""
    harness = BehindHarness(NOW)
    assert harness.next_step() == Post(1)
    ends = harness.state.verdict.valid_until if harness.state.verdict is not None else None
    assert ends is not None
    late = BehindHarness(ends + timedelta(seconds=1))
    if not over:
        late.newest = None
    assert isinstance(late.next_step(), End if over else Post)


def test_a_retry_is_waited_for_by_the_clock_that_wrote_it() -> None:
    """By the ledger's stamps its time has come already: all attempts would be used up in a moment, and it failed."""
    harness = BehindHarness(NOW)
    own = harness.clock.now()
    said = receipt(at=own, retry_at=own + timedelta(minutes=5))
    boot = harness.clock.monotonic()
    harness.state.targets["fire-social"] = ended_target(said, receipt_folded_at=boot)
    places = Places(harness.runtime, 15.0)
    waits = places.next_step(places.in_state(harness.state, "fire-social"))
    assert isinstance(waits, Wait)
    assert waits.delay == 300.0


EARLY = (PostViolation("warrant.no_signature", "No valid approval."),)


def test_what_only_seems_to_come_too_early_is_waited_for() -> None:
    """The gate cleared it at a later time than it is here: held back for good, it would wait for another verdict."""
    harness = BehindHarness(NOW)
    waits = end_of(harness.place, EARLY, NOW - timedelta(seconds=2))
    assert isinstance(waits, Wait)
    assert (waits.delay, waits.shown) == (2.0, True)
    long = end_of(harness.place, EARLY, NOW - timedelta(hours=2))
    assert isinstance(long, Wait)
    assert long.delay == EARLY_SECONDS, "the clock may be put right any moment"


@in_virtual_time
async def test_nothing_is_written_of_what_only_seems_to_come_too_early() -> None:
    harness = BehindHarness(NOW)
    harness.newest = None
    parts: Any = harness.posting
    parts._runtime.log = SimpleNamespace(warning=lambda *_, **__: None)
    waits = await parts._refuse(harness.place, EARLY)
    assert isinstance(waits, Wait)
    assert not harness.records.written


def test_what_the_clock_is_no_reason_for_is_held_back_at_once() -> None:
    harness = BehindHarness(NOW)
    assert isinstance(end_of(harness.place, EARLY, NOW), End)
    held = (*EARLY, PostViolation("warrant.hold", "The stop button is on."))
    assert isinstance(end_of(harness.place, held, NOW - timedelta(hours=2)), End)
