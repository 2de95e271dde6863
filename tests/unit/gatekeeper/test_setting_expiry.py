"""Clause setting: expiry: missed, not late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.gatekeeper.policy.clauses import setting_expiry
from tests.unit.gatekeeper.policy_city import MINUTE, SECOND, PolicyCity, one

CLAUSE = setting_expiry.CLAUSE


@pytest.mark.parametrize(
    ("age", "outcome"),
    [(10 * MINUTE - SECOND, "cleared"), (10 * MINUTE, "refused"), (10 * MINUTE + SECOND, "refused")],
)
@pytest.mark.parametrize("posture", ["routine", "crisis", "eoc_active"])
def test_it_is_refused_from_the_very_moment(age: timedelta, outcome: str, posture: str) -> None:
    """Exactly at the expiry it is over, in each posture, whatever was approved."""
    city = PolicyCity()
    city.posture(posture)
    request = city.request(expires_at=city.now + 10 * MINUTE)
    city.approve(request, "mcpe")
    assert city.decide(request).valid_until == request.expires_at
    city.now += age
    assert city.decide(request).outcome == outcome


def test_the_reason_says_how_far_it_came() -> None:
    """What was delivered in time stands; the rest is missed."""
    city = PolicyCity()
    request = city.request(targets=("fire-town", "police-town"))
    city.now = request.expires_at
    decision = city.decide(request, delivered=("fire-town",))
    reason = one(decision, CLAUSE, "refused")
    assert "missed, not late" in reason
    assert "1 of 2 profiles still to go" in reason
    assert decision.valid_until is None
    assert decision.look_again is None
