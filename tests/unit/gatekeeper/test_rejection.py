"""Clause rejection: a signed no by somebody whose yes would count is final."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.gatekeeper.policy.clauses import rejection
from tests.unit.gatekeeper.policy_city import PolicyCity, one, said

CLAUSE = rejection.CLAUSE


@pytest.mark.parametrize(
    ("posture", "officer", "outcome"),
    [
        ("eoc_active", "cao", "refused"),
        ("eoc_active", "eoc-director", "refused"),
        ("eoc_active", "office", "cleared"),
        ("eoc_active", "clerk", "cleared"),
        ("crisis", "office", "refused"),
        ("crisis", "cao", "cleared"),
        ("routine", "fire-publisher", "refused"),
        ("routine", "police-publisher", "cleared"),
        ("routine", "cao", "cleared"),
    ],
)
@pytest.mark.parametrize("rejected_first", [True, False])
def test_a_no_counts_where_a_yes_would(posture: str, officer: str, outcome: str, rejected_first: bool) -> None:
    """In both orders a counting no outweighs the mcpe's yes; another no is only noted."""
    city = PolicyCity()
    city.posture(posture)
    request = city.request()
    if rejected_first:
        city.reject(request, officer, "the street is wrong")
    city.approve(request, "mcpe")
    if not rejected_first:
        city.reject(request, officer, "the street is wrong")
    decision = city.decide(request)
    assert decision.outcome == outcome
    if outcome == "refused":
        assert f"{officer} rejected it: the street is wrong" in one(decision, CLAUSE, "refused")
    else:
        assert said(decision, CLAUSE) == []
        assert f"rejection by {officer}" in one(decision, "approval", "noted")


def test_the_last_statement_of_an_officer_counts() -> None:
    """Who approved and then rejects has rejected; what somebody else signed in their name changes nothing."""
    city = PolicyCity()
    request = city.request()
    city.approve(request, "mcpe")
    city.reject(request, "mcpe")
    assert city.decide(request).outcome == "refused"


def test_a_no_does_not_lapse_and_needs_no_acknowledgement() -> None:
    """Weighed an hour late, without a look at the screening, it is still there."""
    city = PolicyCity()
    request = city.request(screening=("phone",))
    city.reject(request, "office", acknowledged=())
    city.now += timedelta(hours=1)
    city.approve(request, "mcpe")
    assert city.decide(request).outcome == "refused"


def test_a_no_to_other_content_of_the_same_revision_is_a_no() -> None:
    """A rejection needs no matching digest: doubt holds back."""
    city = PolicyCity()
    request = city.request()
    city.reject(request, "mcpe", digest="f" * 64)
    assert city.decide(request).outcome == "refused"


@pytest.mark.parametrize("changes", [{"key": "clerk"}, {"realm": "exercise"}, {"request_id": "r1"}, {"revision": 2}])
def test_a_no_that_is_not_genuine_is_none(changes: dict[str, Any]) -> None:
    """A forged no, or one about another request, stops nothing; otherwise anybody could silence the city."""
    city = PolicyCity()
    request = city.request()
    city.reject(request, "office", **changes)
    city.approve(request, "mcpe")
    decision = city.decide(request)
    assert decision.outcome == "cleared"
    assert "office" in one(decision, "approval", "noted")


def test_a_no_without_words_is_still_told() -> None:
    """The reason says that none was given."""
    city = PolicyCity()
    request = city.request()
    city.reject(request, "mcpe", reason="")
    assert "no reason given" in one(city.decide(request), CLAUSE, "refused")
