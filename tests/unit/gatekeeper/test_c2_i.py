"""Clause 2(i): in a crisis the communications office manages the profiles."""

from __future__ import annotations

import pytest

from services.gatekeeper.policy.clauses import c2_i
from tests.unit.gatekeeper.town import Town, one, said

COUNTS = {"mcpe", "pio", "office"}
EVERYBODY = sorted(COUNTS | {"cao", "eoc-director", "fire-publisher", "fire-speaker", "chief", "clerk"})


@pytest.mark.parametrize("officer", EVERYBODY)
def test_in_a_crisis_the_office_releases_and_nobody_else(officer: str) -> None:
    """Neither the department's own publisher nor the cao clears in a declared crisis."""
    town = Town()
    town.crisis()
    request = town.request(author=officer)
    assert town.outcome(request, officer) == ("cleared" if officer in COUNTS else "blocked")
    one(town.decide(request), c2_i.CLAUSE, "satisfied" if officer in COUNTS else "blocked")


def test_a_publishers_clearance_ends_with_the_declaration() -> None:
    """Cleared in routine, blocked in the crisis, cleared again when the crisis ends."""
    town = Town()
    request = town.request(author="fire-publisher")
    assert town.outcome(request, "fire-publisher") == "cleared"
    town.crisis()
    decision = town.decide(request)
    assert decision.outcome == "blocked"
    reason = one(decision, c2_i.CLAUSE, "blocked")
    assert "signature of fire-publisher does not release it" in reason
    assert "waiting for mcpe, office (comms_office) or pio" in reason


def test_under_the_eoc_it_only_says_why_the_publisher_does_not_do() -> None:
    """2(iii) decides under the EOC; 2(i) remarks on the publisher's signature, and else is silent."""
    town = Town()
    town.activate()
    request = town.request(author="fire-publisher")
    assert said(town.decide(request), c2_i.CLAUSE) == []
    town.approve(request, "fire-publisher")
    assert "fire-publisher" in one(town.decide(request), c2_i.CLAUSE, "noted")


def test_in_routine_it_is_silent() -> None:
    """Outside of a crisis the clause has nothing to say."""
    town = Town()
    assert said(town.decide(town.request()), c2_i.CLAUSE) == []
