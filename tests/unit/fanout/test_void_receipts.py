"""What rests on time is written when the broker's time has come: a void receipt is kept for ever, and is an alarm."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.envelope import CLOCK_SKEW
from services.fanout.delivery.judge import end_of
from services.fanout.delivery.records import Written
from services.fanout.delivery.settler import KEPT, MOST_SECONDS, VOID_SECONDS, VoidPauses
from services.fanout.domain.step import End, LookAgain, Place, StepOutcome, Wait
from services.kernel.authority.post_authorization import PostViolation
from services.kernel.fold.applied import Applied
from services.kernel.fold.state import TargetState
from services.kernel.ledger.entry import Entry
from services.kernel.projection.server_time import TRY_SECONDS
from tests.unit.fanout.test_posting_receipts import Harness

PLACES = 50
MINUTE = timedelta(minutes=1)


class WaitingHarness(Harness):
    """A message that waits on many profiles, and a broker whose clock is behind this machine's by ``ahead``."""

    def __init__(self, ahead: timedelta) -> None:
        super().__init__()
        self.ahead = ahead
        self.due = self.clock.time
        self.open = [f"profile-{number}" for number in range(PLACES)]
        self.voids, self.last, self.another = 0, 100, False
        self.records.receipt = self.store  # type: ignore[method-assign, assignment]
        for name in self.open:
            self.state.targets[name] = TargetState()

    @property
    def server_now(self) -> datetime:
        """The broker's time."""
        return self.clock.time - self.ahead

    def hear(self, at: datetime) -> None:
        """An entry that the broker stored at a time is folded."""
        self.last += 1
        for told in self.told:
            told(Entry(self.last, "ledger.request.r2", at, b"", {}), Applied(self.last, "request"))

    async def store(self, receipt: Receipt, _known: int) -> Written | None:
        await asyncio.sleep(0)  # a round trip
        if self.another:
            return None
        target = self.state.targets[receipt.profile]
        self.last += 1
        target.receipt_last = self.last
        if self.due <= self.server_now + CLOCK_SKEW:
            target.receipt_seq = self.last
        else:
            self.voids += 1
        self.hear(self.server_now)
        return Written(self.last, receipt)

    async def turn(self) -> list[StepOutcome]:
        """All that wait look what is next."""
        ends = [self.end(name) for name in self.open]
        found = await asyncio.gather(*ends)
        self.open = [name for name, one in zip(self.open, found, strict=True) if one != LookAgain()]
        return list(found)

    async def end(self, name: str, due: datetime | None = None) -> StepOutcome:
        target = self.state.targets[name]
        place = Place(self.place.verdict_seq, name, self.state, target, self.place.control_seq)
        step = End(ReceiptOutcome.EXPIRED, True, "it expired", due or self.due)
        return await self.settler.end(place, step, target.receipt_last)


@pytest.mark.parametrize("known", [True, False])
async def test_a_clock_that_is_ahead_leaves_one_void_receipt_a_minute_and_not_one_on_each_profile(known: bool) -> None:
    """Before, each profile that waited wrote one each five seconds: two hundred a second of a thousand."""
    harness = WaitingHarness(10 * MINUTE)
    if known:
        harness.hear(harness.server_now)
    found = await harness.turn()
    assert harness.voids == 1, "its stamp tells the time"
    assert len([one for one in found if isinstance(one, Wait) and "clock right?" in one.reason]) == PLACES
    assert all(isinstance(one, Wait) and one.delay <= TRY_SECONDS and one.shown for one in found)
    for minute in range(1, 9):
        harness.clock.time += MINUTE / 2
        await harness.turn()
        assert harness.voids <= minute, "it is not tried again within the minute"
        harness.clock.time += MINUTE / 2
        await harness.turn()
        assert harness.voids == minute + 1
    assert len(harness.open) == PLACES
    harness.clock.time += MINUTE
    await harness.turn()
    assert (harness.open, harness.voids) == ([], 9), "the broker's time is there"


@pytest.mark.parametrize("quiet", [None, timedelta(0), timedelta(hours=9)])
async def test_with_a_right_clock_all_end_at_once(quiet: timedelta | None) -> None:
    """Also behind a start on a ledger to which nothing came for hours: one tells the time for all."""
    harness = WaitingHarness(timedelta(0))
    if quiet is not None:
        harness.hear(harness.server_now - quiet)
        harness.hear(harness.server_now - quiet - MINUTE)  # of a broker's next leader, whose clock is behind
    found = await harness.turn()
    assert found == [LookAgain()] * PLACES
    assert harness.voids == 0


async def test_between_two_entries_time_passes() -> None:
    harness = WaitingHarness(timedelta(0))
    harness.hear(harness.server_now)
    later, name = harness.due + 3 * MINUTE, harness.open[0]
    harness.another = True
    assert isinstance(await harness.end(name, later), Wait), "it is tried"
    wait = await harness.end(name, later)
    assert isinstance(wait, Wait)
    assert "not time yet" in wait.reason
    assert wait.delay == TRY_SECONDS
    harness.another, harness.due = False, later
    harness.clock.time += 2 * MINUTE
    assert await harness.end(name, later) == LookAgain()


async def test_another_receipt_in_between_says_nothing_of_this_machines_clock() -> None:
    """One that frees the profile, or what somebody wrote with fan-out's key."""
    harness = WaitingHarness(timedelta(0))
    harness.another = True
    outcome = await harness.end(harness.open[0])
    assert outcome == Wait(VOID_SECONDS, "another receipt came first, which says nothing of how it ended")


def test_the_pause_behind_what_does_not_count_grows_up_to_a_minute() -> None:
    pauses = VoidPauses()
    assert [pauses.next("r1", "fire") for _ in range(6)] == [VOID_SECONDS, 10.0, 20.0, 40.0, MOST_SECONDS, MOST_SECONDS]
    assert pauses.next("r1", "parks") == VOID_SECONDS
    pauses.over("r1", "fire")
    pauses.over("r1", "fire")
    assert pauses.next("r1", "fire") == VOID_SECONDS
    for number in range(KEPT):
        pauses.next("r2", f"profile-{number}")
    assert pauses.next("r1", "fire") == VOID_SECONDS, "what was longest ago is forgotten"


@pytest.mark.parametrize(
    ("codes", "due"),
    [
        (("warrant.request_expired",), "expires_at"),
        (("warrant.request_expired", "warrant.verdict_expired"), "expires_at"),
        (("warrant.request_expired", "warrant.another"), "expires_at"),
        (("warrant.verdict_expired",), "valid_until"),
        (("warrant.another", "warrant.verdict_expired"), None),
    ],
)
def test_what_may_not_go_out_any_more_names_the_time_on_which_that_rests(codes: Any, due: str | None) -> None:
    place = WaitingHarness(timedelta(0)).place._replace(target=TargetState())
    found = end_of(place, tuple(PostViolation(code, "No.") for code in codes), place.state.request.at)
    assert isinstance(found, End)
    assert place.state.verdict is not None
    times = {"expires_at": place.state.request.expires_at, "valid_until": place.state.verdict.valid_until}
    assert found.due == (times[due] if due else None)
