"""Who may withdraw a request: its author, the office and the approvers."""

from __future__ import annotations

import pytest

from schemas.events.control import Hold, Order, Withdraw
from services.eoc_state.domain.withdrawal import check_withdrawal
from services.kernel.control.control_state import ControlFault
from tests.support.people import order_of
from tests.unit.gatekeeper.policy_city import START, PolicyCity


def order(officer: str, action: Withdraw | Hold) -> Order:
    """An officer's order, not signed: the signature is checked elsewhere."""
    return order_of(officer, action, START)


@pytest.mark.parametrize("officer", ["clerk", "cao", "mcpe", "pio", "eoc-director", "office"])
def test_the_author_and_each_approving_role_may(officer: str) -> None:
    check_withdrawal(order(officer, Withdraw(request_id="r1", reason="wrong")), "clerk", PolicyCity().control, START)


@pytest.mark.parametrize("officer", ["chief", "fire-publisher", "nobody"])
def test_nobody_else_may_and_the_refusal_names_who_can(officer: str) -> None:
    withdrawal = order(officer, Withdraw(request_id="r1", reason="wrong"))
    with pytest.raises(ControlFault, match="r1 can be withdrawn by clerk, or by cao, comms_office") as caught:
        check_withdrawal(withdrawal, "clerk", PolicyCity().control, START)
    assert caught.value.code == "order.role"


def test_another_order_is_not_looked_at() -> None:
    check_withdrawal(order("nobody", Hold(on=True)), "", PolicyCity().control, START)
