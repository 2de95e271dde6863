"""No officer's key orders without end: a minute's number is taken, and what protects is never counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.events import control as c
from services.kernel.control.control_state import ControlFault, ControlState, OrderKind
from services.kernel.control.order_rates import ORDERS_A_MINUTE, WITHDRAWALS_A_MINUTE, check_rate, noted, too_many
from tests.support.people import order_of
from tests.unit.gatekeeper.policy_city import MINUTE, SECOND, START, PolicyCity


def order(action: Any, officer: str = "pio") -> c.Order:
    return order_of(officer, action, START, nonce="ab" * 16)


WITHDRAW = order(c.Withdraw(request_id="r1"))
RELEASE = order(c.Hold(on=False, hold=3))
CONFIRM = order(c.Confirm(proposal=41, order="ab" * 32))
REMOVE = order(c.SystemRemove(system="sensors"))


def ordered(times: int, one: c.Order = WITHDRAW, every: timedelta = SECOND) -> tuple[ControlState, datetime]:
    """The state after so many orders of a kind, and the time of the next."""
    state = ControlState()
    for number in range(times):
        check_rate(state, one, START + number * every)
        state = noted(state, one, START + number * every)
    return state, START + times * every


@pytest.mark.parametrize(
    ("one", "most"),
    [
        (WITHDRAW, WITHDRAWALS_A_MINUTE),
        (RELEASE, ORDERS_A_MINUTE),
        (REMOVE, ORDERS_A_MINUTE),
        (CONFIRM, ORDERS_A_MINUTE),
    ],
)
def test_one_more_than_the_most_is_refused_until_the_minute_is_over(one: c.Order, most: int) -> None:
    state, _ = ordered(most, one, every=timedelta(milliseconds=100))
    with pytest.raises(ControlFault, match=rf"pio has given {most} [\w ]+ in a minute.*wait 50 s") as caught:
        check_rate(state, one, START + 10 * SECOND)
    assert caught.value.code == "order.rate"
    check_rate(state, one, START + MINUTE)


def test_one_officer_is_slowed_down_alone_and_in_that_alone() -> None:
    state, now = ordered(WITHDRAWALS_A_MINUTE)
    check_rate(state, order(c.Withdraw(request_id="r1"), "mcpe"), now)
    check_rate(state, RELEASE, now)


@pytest.mark.parametrize(
    "action",
    [
        c.Hold(on=False, hold=3),
        c.CrisisDeclare(incident="flood"),
        c.EocStandDown(),
        c.Confirm(proposal=41, order="ab" * 32),
        c.Decline(proposal=41, order="ab" * 32),
    ],
)
def test_a_script_that_changes_the_registry_keeps_its_officer_from_nothing_else(action: Any) -> None:
    state, now = ordered(ORDERS_A_MINUTE, REMOVE, every=timedelta(0))
    check_rate(state, order(action), now)
    check_rate(state, WITHDRAW, now)
    with pytest.raises(ControlFault, match="60 orders to the registry"):
        check_rate(state, REMOVE, now)


def test_people_are_asked_to_revoke_a_script_s_key_only_if_it_is_nobody_s() -> None:
    assert too_many(WITHDRAW).startswith("pio gives more orders than anybody does by hand; ask them, and if")
    assert "orders to the registry as fast as a script does; ask whether it is theirs, and only if not" in too_many(
        REMOVE
    )


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
    assert [(one.officer, one.kind) for one in town.control.recent[-1:]] == [("pio", OrderKind.WITHDRAWAL)]
