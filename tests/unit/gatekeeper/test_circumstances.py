"""Approval: it counts for the request as its officer was shown it, in all that the policy reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from schemas.events.authority import Settings
from schemas.events.verdicts import Outcome
from tests.unit.gatekeeper.policy_city import PolicyCity

SHOWN: dict[str, Any] = {
    "author": "fire-publisher",
    "crisis": True,
    "severity": "extreme",
    "request_expires_at": None,
    "replaces": "r2b",
    "follows": "r2a",
}


@pytest.mark.parametrize("field", SHOWN)
def test_an_approval_of_other_circumstances_is_worth_nothing(field: str) -> None:
    """Nobody signs the request itself, so whoever writes it could leave a severity out."""
    city = PolicyCity()
    request = city.request()
    value = request.expires_at + timedelta(days=3_650) if field == "request_expires_at" else SHOWN[field]
    changed: dict[str, Any] = {field: value}
    city.approve(request, "mcpe", **changed)
    decision = city.decide(request)
    assert decision.outcome is Outcome.BLOCKED
    assert any("look at it and sign again" in finding.reason for finding in decision.findings)
    city.approve(request, "mcpe")
    assert city.decide(request).outcome is Outcome.CLEARED


def test_leaving_the_severity_out_saves_no_signature() -> None:
    """A city that wants two people for grave messages wants two where nobody says how grave it is."""
    city = PolicyCity(settings=Settings(second_approver_severities=("extreme",)))
    request = city.request(severity=None)
    assert city.outcome(request, "mcpe") == "blocked"
    assert city.outcome(request, "office") == "cleared"


@pytest.mark.parametrize(("ruled", "outcome"), [(False, "cleared"), (True, "blocked")])
def test_an_approval_of_before_0_3_counts_until_the_first_order_of_0_3(ruled: bool, outcome: str) -> None:
    """Older ledgers keep their meaning; on a newer one such a statement would leave open what it is about."""
    city = PolicyCity()
    city.control = replace(city.control, ruled=ruled)
    request = city.request()
    old = {"rule": None, "author": None, "crisis": None, "request_expires_at": None}
    city.approve(request, "mcpe", **old)
    assert city.decide(request).outcome == outcome
