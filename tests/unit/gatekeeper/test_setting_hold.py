"""Clause setting: hold: the stop button keeps everything back."""

from __future__ import annotations

import pytest

from schemas.events.control import Hold
from services.gatekeeper.policy.clauses import setting_hold
from tests.unit.gatekeeper.town import Town, one, said


@pytest.mark.parametrize("posture", ["routine", "crisis", "eoc_active"])
def test_hold_on_blocks_and_hold_off_clears_again(posture: str) -> None:
    """While it is on nothing is cleared; after, what is still approved goes on."""
    town = Town()
    town.posture(posture)
    request = town.request()
    assert town.outcome(request, "mcpe") == "cleared"
    town.order("office", Hold(on=True))
    decision = town.decide(request)
    assert decision.outcome == "blocked"
    assert "cao" in one(decision, setting_hold.CLAUSE, "blocked")
    town.order("office", Hold(on=False))
    decision = town.decide(request)
    assert decision.outcome == "cleared"
    assert said(decision, setting_hold.CLAUSE) == []


def test_what_expires_under_a_hold_is_missed() -> None:
    """A hold does not make time stand still."""
    town = Town()
    request = town.request()
    town.order("office", Hold(on=True))
    town.now = request.expires_at
    assert town.decide(request).outcome == "refused"
