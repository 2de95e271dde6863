"""Clause 3(iv)(c): in routine everybody but the mcpe seeks approval."""

from __future__ import annotations

import pytest

from services.gatekeeper.policy.clauses import c3_iv_c
from tests.unit.gatekeeper.policy_city import PolicyCity, one, said


@pytest.mark.parametrize(
    ("approver", "outcome"),
    [
        ("mcpe", "cleared"),
        ("office", "cleared"),
        ("fire-publisher", "cleared"),
        ("fire-speaker", "cleared"),
        ("police-publisher", "blocked"),
        ("cao", "blocked"),
        ("pio", "blocked"),
        ("eoc-director", "blocked"),
        ("chief", "blocked"),
        ("clerk", "blocked"),
    ],
)
@pytest.mark.parametrize("author", ["clerk", "drivebc"])
def test_who_may_approve_a_clerks_or_a_systems_request(approver: str, outcome: str, author: str) -> None:
    """The mcpe, the office or a publisher of that profile; nobody else in routine."""
    city = PolicyCity()
    request = city.request(author=author, author_kind="system" if author == "drivebc" else "officer")
    one(city.decide(request), c3_iv_c.CLAUSE, "blocked")
    assert city.outcome(request, approver) == outcome
    one(city.decide(request), c3_iv_c.CLAUSE, "satisfied" if outcome == "cleared" else "blocked")


def test_the_mcpe_needs_nobody_else() -> None:
    """The mcpe's own signature suffices, and the reason says so."""
    city = PolicyCity()
    request = city.request(author="mcpe")
    assert city.outcome(request, "mcpe") == "cleared"
    assert "nobody else's" in one(city.decide(request), c3_iv_c.CLAUSE, "satisfied")


def test_a_publisher_of_the_profile_publishes_by_delegation_instead() -> None:
    """Where Oversight (iii) clears the author's own content, 3(iv)(c) is silent."""
    city = PolicyCity()
    request = city.request(author="fire-publisher")
    city.approve(request, "fire-publisher")
    assert said(city.decide(request), c3_iv_c.CLAUSE) == []


def test_the_reason_names_who_is_waited_for() -> None:
    """Publishers of that very profile are named, others are not."""
    city = PolicyCity()
    reason = one(city.decide(city.request()), c3_iv_c.CLAUSE, "blocked")
    assert "fire-publisher (publisher)" in reason
    assert "office (comms_office)" in reason
    assert "police-publisher" not in reason


def test_it_is_silent_in_crisis_and_eoc() -> None:
    """Other clauses speak then."""
    for posture in ("crisis", "eoc_active"):
        city = PolicyCity()
        city.posture(posture)
        assert said(city.decide(city.request()), c3_iv_c.CLAUSE) == []
