"""Clause setting: hold: the stop button keeps everything back."""

from __future__ import annotations

import pytest

from schemas.events.control import Hold
from services.gatekeeper.policy.clauses import setting_hold
from tests.unit.gatekeeper.policy_city import PolicyCity, one, said


@pytest.mark.parametrize("posture", ["routine", "crisis", "eoc_active"])
def test_hold_on_blocks_and_hold_off_clears_again(posture: str) -> None:
    """While it is on nothing is cleared; after, what is still approved goes on."""
    city = PolicyCity()
    city.posture(posture)
    request = city.request()
    assert city.outcome(request, "mcpe") == "cleared"
    city.order("office", Hold(on=True))
    decision = city.decide(request)
    assert decision.outcome == "blocked"
    assert "cao" in one(decision, setting_hold.CLAUSE, "blocked")
    city.order("office", Hold(on=False))
    decision = city.decide(request)
    assert decision.outcome == "cleared"
    assert said(decision, setting_hold.CLAUSE) == []


def test_what_expires_under_a_hold_is_missed() -> None:
    """A hold does not make time stand still."""
    city = PolicyCity()
    request = city.request()
    city.order("office", Hold(on=True))
    city.now = request.expires_at
    assert city.decide(request).outcome == "refused"
