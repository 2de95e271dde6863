"""Clause withdrawn: what was taken back is not posted."""

from __future__ import annotations

import pytest

from schemas.events.control import Withdraw
from services.gatekeeper.policy.clauses import withdrawn
from tests.unit.gatekeeper.town import Town, one


@pytest.mark.parametrize("approved_first", [True, False])
def test_withdrawn_is_final_in_both_orders(approved_first: bool) -> None:
    """Before or after the approval, a withdrawal refuses it, with the words that were given."""
    town = Town()
    request, other = town.request(), town.request()
    town.approve(other, "mcpe")
    if approved_first:
        assert town.outcome(request, "mcpe") == "cleared"
    town.order("clerk", Withdraw(request_id=request.request_id, reason="wrong street"))
    town.approve(request, "mcpe")
    decision = town.decide(request)
    assert decision.outcome == "refused"
    assert "wrong street" in one(decision, withdrawn.CLAUSE, "refused")
    assert town.decide(other).outcome == "cleared"
