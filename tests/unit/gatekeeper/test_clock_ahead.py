"""A gate whose clock is ahead refuses nothing as expired that has hours left: a refusal is final for every reader."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.events.envelope import CLOCK_SKEW
from schemas.events.requests import SCHEDULE_GRACE
from schemas.events.verdicts import Outcome
from services.kernel.fold.state import RequestState
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.world import NOW, approval, request
from tests.unit.gatekeeper.test_second_copy import SecondCopy
from tests.unit.states import undecided_state

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def waiting(decision: str = "") -> RequestState:
    """A request of the next four hours, with an officer's answer if there is one."""
    of = request(author="clerk", expires_at=NOW + 4 * HOUR)
    said = {"mcpe": (9, approval(of, "mcpe", decision=decision))} if decision else {}
    return undecided_state(of, seq=5, approvals=said, statements=list(said.values()))


@in_virtual_time
async def test_what_has_hours_left_is_cleared_and_not_refused() -> None:
    copy = SecondCopy(ahead=DAY)
    held = waiting("approve")
    copy.submitted(held)
    await copy.gate.judge(held.request_id)
    assert [one.outcome for one in copy.written] == [Outcome.CLEARED]
    assert abs(copy.written[0].at - copy.server_now) < CLOCK_SKEW, "it is dated by the broker's clock"
    assert copy.warned == [held.request_id], "and said aloud"


@pytest.mark.parametrize("ahead", [HOUR, -HOUR, -DAY])
@in_virtual_time
async def test_an_approval_of_this_minute_counts_whatever_the_clock_says(ahead: timedelta) -> None:
    """By a clock that is an hour ahead it is over, by one that is behind it was never given: the broker's counts."""
    copy = SecondCopy(ahead)
    held = waiting("approve")
    copy.submitted(held)
    await copy.gate.judge(held.request_id)
    assert [one.outcome for one in copy.written] == [Outcome.CLEARED]


def timed(goes_out: datetime) -> RequestState:
    """A request that goes out at a time, with an officer's approval of it."""
    of = request(author="clerk", expires_at=goes_out + SCHEDULE_GRACE, not_before=goes_out)
    until: Any = {"expires_at": of.expires_at, "request_expires_at": of.expires_at}
    answer = approval(of, "mcpe", decision="approve", not_before=goes_out, **until)
    return undecided_state(of, seq=5, approvals={"mcpe": (9, answer)}, statements=[(9, answer)])


@pytest.mark.parametrize("ahead", [timedelta(minutes=3), -HOUR])
@in_virtual_time
async def test_what_is_timed_goes_out_at_its_time_by_the_broker_s_clock(ahead: timedelta) -> None:
    """By a clock that is ahead it would be early; by one that is behind, where nothing else is stored, missed."""
    copy = SecondCopy(ahead)
    held = timed(NOW + HOUR / 2)
    async with copy.sweeping():
        copy.submitted(held)
        await copy.gate.judge(held.request_id)
        assert [one.outcome for one in copy.written] == [Outcome.BLOCKED]
        await asyncio.sleep((HOUR / 2).total_seconds() - 120)
        assert [one.outcome for one in copy.written] == [Outcome.BLOCKED]
        await asyncio.sleep(120 + 70)
    assert [one.outcome for one in copy.written] == [Outcome.BLOCKED, Outcome.CLEARED]


@in_virtual_time
async def test_what_waits_is_refused_when_it_ends_by_the_broker_s_clock() -> None:
    """Until then it is looked at once a minute, and the broker is asked as rarely."""
    copy = SecondCopy(ahead=DAY)
    held = waiting()
    async with copy.sweeping():
        copy.submitted(held)
        await copy.gate.judge(held.request_id)
        await asyncio.sleep(4 * 3600 - CLOCK_SKEW.total_seconds() - 5)
        assert [one.outcome for one in copy.written] == [Outcome.BLOCKED]
        assert copy.asked <= 4 * 60 + 1
        await asyncio.sleep(CLOCK_SKEW.total_seconds() + 70)
    assert [one.outcome for one in copy.written] == [Outcome.BLOCKED, Outcome.REFUSED]


@in_virtual_time
async def test_a_rejection_is_written_at_once_whatever_the_clock_says() -> None:
    copy = SecondCopy(ahead=DAY)
    held = waiting("reject")
    copy.submitted(held)
    await copy.gate.judge(held.request_id)
    assert [one.outcome for one in copy.written] == [Outcome.REFUSED]
    assert {one.clause for one in copy.written[0].findings if one.outcome == "refused"} == {"rejection"}


@in_virtual_time
async def test_behind_a_start_on_a_quiet_ledger_the_broker_tells_what_has_expired() -> None:
    """No stamp tells of the hours that passed; what ended in them is refused at once."""
    copy = SecondCopy()
    held = waiting()
    copy.fold.requests[held.request_id] = held
    await asyncio.sleep(5 * 3600)
    await copy.gate.judge(held.request_id)
    assert ([one.outcome for one in copy.written], copy.asked) == ([Outcome.REFUSED], 1)


@in_virtual_time
async def test_with_a_right_clock_nobody_is_asked() -> None:
    copy = SecondCopy()
    held = waiting()
    async with copy.sweeping():
        copy.submitted(held)
        await copy.gate.judge(held.request_id)
        await asyncio.sleep(4 * 3600 + 2)
    assert ([one.outcome for one in copy.written], copy.asked) == ([Outcome.BLOCKED, Outcome.REFUSED], 0)


@in_virtual_time
async def test_what_changes_while_the_broker_is_asked_is_decided_as_it_is_then() -> None:
    copy = SecondCopy(ahead=DAY)
    held = waiting("approve")
    copy.fold.requests[held.request_id] = held
    judged = asyncio.create_task(copy.gate.judge(held.request_id))
    await asyncio.sleep(0)
    newer = waiting("reject")
    copy.fold.requests[held.request_id] = newer
    await judged
    assert newer.verdict is not None
    assert held.verdict is None
    assert [one.outcome for one in copy.written] == [Outcome.REFUSED]


@in_virtual_time
async def test_the_other_copy_objects_to_a_refusal_that_is_dated_ahead() -> None:
    copy = SecondCopy()
    alarms: list[str] = []
    copy.runtime.alarm = lambda said, **_: alarms.append(said)
    held = waiting("approve")
    copy.gate.second_look._find = lambda *_: asyncio.sleep(0, held)
    copy.submitted(held)
    looking = asyncio.create_task(copy.gate.second_look.run())
    await asyncio.sleep(0)
    for ahead in (timedelta(0), DAY):
        copy.ahead = ahead
        copy.decided(held)
    await asyncio.sleep(3)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert len(alarms) == 1
    assert "it says refused, and the policy gives cleared" in alarms[0]
