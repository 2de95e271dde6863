"""Clause 2(i): in a crisis the communications office manages the profiles."""

from __future__ import annotations

import pytest

from services.gatekeeper.policy.clauses import c2_i
from tests.unit.gatekeeper.policy_city import PolicyCity, one, said

COUNTS = {"mcpe", "pio", "office"}
EVERYBODY = sorted(COUNTS | {"cao", "eoc-director", "fire-publisher", "fire-speaker", "chief", "clerk"})


@pytest.mark.parametrize("officer", EVERYBODY)
def test_in_a_crisis_the_office_releases_and_nobody_else(officer: str) -> None:
    """Neither the department's own publisher nor the cao clears in a declared crisis."""
    city = PolicyCity()
    city.crisis()
    request = city.request(author=officer)
    assert city.outcome(request, officer) == ("cleared" if officer in COUNTS else "blocked")
    one(city.decide(request), c2_i.CLAUSE, "satisfied" if officer in COUNTS else "blocked")


def test_a_publishers_clearance_ends_with_the_declaration() -> None:
    """Cleared in routine, blocked in the crisis, cleared again when the crisis ends."""
    city = PolicyCity()
    request = city.request(author="fire-publisher")
    assert city.outcome(request, "fire-publisher") == "cleared"
    city.crisis()
    decision = city.decide(request)
    assert decision.outcome == "blocked"
    reason = one(decision, c2_i.CLAUSE, "blocked")
    assert "signature of fire-publisher does not release it" in reason
    assert "waiting for mcpe, office (comms_office) or pio" in reason


def test_under_the_eoc_it_only_says_why_the_publisher_does_not_do() -> None:
    """2(iii) decides under the EOC; 2(i) remarks on the publisher's signature, and else is silent."""
    city = PolicyCity()
    city.activate()
    request = city.request(author="fire-publisher")
    assert said(city.decide(request), c2_i.CLAUSE) == []
    city.approve(request, "fire-publisher")
    assert "fire-publisher" in one(city.decide(request), c2_i.CLAUSE, "noted")


def test_in_routine_it_is_silent() -> None:
    """Outside of a crisis the clause has nothing to say."""
    city = PolicyCity()
    assert said(city.decide(city.request()), c2_i.CLAUSE) == []
