"""Clause returned: what an officer sent back waits for a new revision, which somebody else writes."""

from __future__ import annotations

from dataclasses import replace

from services.gatekeeper.policy.clauses import returned
from services.gatekeeper.policy.decide import decide
from tests.unit.gatekeeper.policy_city import PolicyCity, one, said

CLAUSE = returned.CLAUSE


def test_a_return_blocks_whatever_others_approve() -> None:
    """It is not final: it waits, and the reason says for what."""
    city = PolicyCity()
    request = city.request()
    city.approve(request, "office", decision="return", reason="name the street.")
    city.approve(request, "mcpe")
    decision = city.decide(request)
    assert decision.outcome == "blocked"
    reason = one(decision, CLAUSE, "blocked")
    assert "office returned it: name the street. To change it" in reason
    assert f"onevoice request --revise {request.request_id}" in reason


def test_who_returned_it_may_approve_it_after_all() -> None:
    """An officer's last statement counts."""
    city = PolicyCity()
    request = city.request()
    city.approve(request, "mcpe", decision="return")
    city.approve(request, "mcpe")
    assert city.decide(request).outcome == "cleared"


def test_a_return_by_somebody_without_a_say_is_noted() -> None:
    city = PolicyCity()
    request = city.request()
    city.approve(request, "clerk", decision="return")
    city.approve(request, "mcpe")
    decision = city.decide(request)
    assert decision.outcome == "cleared"
    assert "return by clerk" in one(decision, "approval", "noted")


def test_an_approval_of_the_revision_before_is_worth_nothing() -> None:
    """What was approved is not what would be posted now."""
    city = PolicyCity()
    request = city.request()
    city.approve(request, "mcpe")
    revised = city.request(request_id=request.request_id, revision=2)
    decision = city.decide(revised)
    assert decision.outcome == "blocked"
    assert "for revision 1, and this is revision 2" in one(decision, "approval", "noted")


def test_who_returned_it_does_not_edit_it() -> None:
    """Blocked with every approval there is, until somebody else revises it."""
    city = PolicyCity()
    revised = city.request(author="office", revision=2)
    city.approve(revised, "mcpe")
    facts = city.facts(revised)
    assert decide(facts).outcome == "cleared"
    decision = decide(replace(facts, returned_by=frozenset({"office"})))
    assert decision.outcome == "blocked"
    assert "office returned an earlier revision" in one(decision, CLAUSE, "blocked")
    assert said(decide(replace(facts, returned_by=frozenset({"mcpe"}))), CLAUSE) == []
