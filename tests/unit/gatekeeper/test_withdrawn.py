"""Clause withdrawn: what was taken back is not posted."""

from __future__ import annotations

import pytest

from schemas.events.control import Withdraw
from services.gatekeeper.policy.clauses import withdrawn
from tests.unit.gatekeeper.policy_city import PolicyCity, one


@pytest.mark.parametrize("approved_first", [True, False])
def test_withdrawn_is_final_in_both_orders(approved_first: bool) -> None:
    """Before or after the approval, a withdrawal refuses it, with the words that were given."""
    city = PolicyCity()
    request, other = city.request(), city.request()
    city.approve(other, "mcpe")
    if approved_first:
        assert city.outcome(request, "mcpe") == "cleared"
    city.order("clerk", Withdraw(request_id=request.request_id, reason="wrong street"))
    city.approve(request, "mcpe")
    decision = city.decide(request)
    assert decision.outcome == "refused"
    assert "wrong street" in one(decision, withdrawn.CLAUSE, "refused")
    assert city.decide(other).outcome == "cleared"
