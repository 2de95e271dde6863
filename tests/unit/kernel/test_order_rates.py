"""No officer's key orders without end: a minute's number is taken, and what protects is never counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.events import control as c
from services.kernel.control.control_state import ControlFault, ControlState
from services.kernel.control.order_rates import ORDERS_A_MINUTE, WITHDRAWALS_A_MINUTE, check_rate, noted
from tests.unit.gatekeeper.policy_city import MINUTE, SECOND, START, PolicyCity


def order(action: Any, officer: str = "pio") -> c.Order:
    return c.Order(
        realm="live", officer=officer, action=action, issued_at=START, expires_at=START + MINUTE, nonce="ab" * 16
    )


WITHDRAW = order(c.Withdraw(request_id="r1"))
RELEASE = order(c.Hold(on=False, hold=3))


def ordered(times: int, one: c.Order = WITHDRAW, every: timedelta = SECOND) -> tuple[ControlState, datetime]:
    """The state after so many orders of a kind, and the time of the next."""
    state = ControlState()
    for number in range(times):
        check_rate(state, one, START + number * every)
        state = noted(state, one, START + number * every)
    return state, START + times * every


@pytest.mark.parametrize(("one", "most"), [(WITHDRAW, WITHDRAWALS_A_MINUTE), (RELEASE, ORDERS_A_MINUTE)])
def test_one_more_than_the_most_is_refused_until_the_minute_is_over(one: c.Order, most: int) -> None:
    state, _ = ordered(most, one, every=timedelta(milliseconds=100))
    with pytest.raises(ControlFault, match=rf"pio has given {most} \w+ in a minute.*wait 50 s") as caught:
        check_rate(state, one, START + 10 * SECOND)
    assert caught.value.code == "order.rate"
    check_rate(state, one, START + MINUTE)


def test_one_officer_is_slowed_down_alone_and_in_that_alone() -> None:
    state, now = ordered(WITHDRAWALS_A_MINUTE)
    check_rate(state, order(c.Withdraw(request_id="r1"), "mcpe"), now)
    check_rate(state, RELEASE, now)


@pytest.mark.parametrize(
    "action",
    [c.Hold(on=True), c.EocActivate(level=3, incident="flood"), c.Revoke(officer="x"), c.ProfileSuspend(profile="x")],
)
def test_what_protects_is_never_counted(action: Any) -> None:
    state, now = ordered(ORDERS_A_MINUTE + 1, order(action), every=timedelta(0))
    assert state.recent == ()
    check_rate(state, order(action), now)


def test_the_memory_is_a_minute_long() -> None:
    state, now = ordered(WITHDRAWALS_A_MINUTE)
    later = noted(state, order(c.Hold(on=True)), now + MINUTE)
    assert later == replace(state, recent=())


def test_the_fold_notes_each_order_that_counts() -> None:
    town = PolicyCity()
    town.order("pio", c.Withdraw(request_id="r1"))
    assert [(one.officer, one.withdraws) for one in town.control.recent[-1:]] == [("pio", True)]
