"""Clause 3(iv)(c): in routine everybody but the mcpe seeks approval."""

from __future__ import annotations

import pytest

from services.gatekeeper.policy.clauses import c3_iv_c
from tests.unit.gatekeeper.town import Town, one, said


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
    town = Town()
    request = town.request(author=author, author_kind="system" if author == "drivebc" else "officer")
    one(town.decide(request), c3_iv_c.CLAUSE, "blocked")
    assert town.outcome(request, approver) == outcome
    one(town.decide(request), c3_iv_c.CLAUSE, "satisfied" if outcome == "cleared" else "blocked")


def test_the_mcpe_needs_nobody_else() -> None:
    """The mcpe's own signature suffices, and the reason says so."""
    town = Town()
    request = town.request(author="mcpe")
    assert town.outcome(request, "mcpe") == "cleared"
    assert "nobody else's" in one(town.decide(request), c3_iv_c.CLAUSE, "satisfied")


def test_a_publisher_of_the_profile_publishes_by_delegation_instead() -> None:
    """Where Oversight (iii) clears the author's own content, 3(iv)(c) is silent."""
    town = Town()
    request = town.request(author="fire-publisher")
    town.approve(request, "fire-publisher")
    assert said(town.decide(request), c3_iv_c.CLAUSE) == []


def test_the_reason_names_who_is_waited_for() -> None:
    """Publishers of that very profile are named, others are not."""
    town = Town()
    reason = one(town.decide(town.request()), c3_iv_c.CLAUSE, "blocked")
    assert "fire-publisher (publisher)" in reason
    assert "office (comms_office)" in reason
    assert "police-publisher" not in reason


def test_it_is_silent_in_crisis_and_eoc() -> None:
    """Other clauses speak then."""
    for posture in ("crisis", "eoc_active"):
        town = Town()
        town.posture(posture)
        assert said(town.decide(town.request()), c3_iv_c.CLAUSE) == []
