"""Clause definitions i-xi: what screening found must be acknowledged by an approval that counts."""

from __future__ import annotations

import pytest

from schemas.events.authority import Settings
from services.gatekeeper.policy.clauses import definitions
from tests.unit.gatekeeper.policy_city import PolicyCity, one, said

CLAUSE = definitions.CLAUSE


@pytest.mark.parametrize(
    ("acknowledged", "outcome"),
    [
        ((), "blocked"),
        (("phone",), "blocked"),
        (("phone", "other"), "blocked"),
        (("phone", "profanity"), "cleared"),
        (("profanity", "other", "phone"), "cleared"),
    ],
)
def test_every_finding_must_be_acknowledged(acknowledged: tuple[str, ...], outcome: str) -> None:
    """A part of them does not do, more than them does no harm."""
    city = PolicyCity()
    request = city.request(screening=("phone", "profanity"))
    city.approve(request, "mcpe", acknowledged=acknowledged)
    decision = city.decide(request)
    assert decision.outcome == outcome
    one(decision, CLAUSE, "satisfied" if outcome == "cleared" else "blocked")


def test_the_acknowledgement_of_somebody_who_does_not_count_is_none() -> None:
    """The clerk saw it; that is not who answers for it."""
    city = PolicyCity()
    city.activate()
    request = city.request(screening=("phone",))
    city.approve(request, "clerk")
    city.approve(request, "pio", acknowledged=())
    decision = city.decide(request)
    assert decision.outcome == "blocked"
    assert "phone" in one(decision, CLAUSE, "blocked")
    assert "pio" in one(decision, CLAUSE, "blocked")


def test_an_approval_without_it_is_no_approval_at_all() -> None:
    """It is noted, and is neither an approval nor the second of two."""
    city = PolicyCity(settings=Settings(second_approver_severities=("extreme",)))
    request = city.request(screening=("phone",), severity="extreme")
    city.approve(request, "mcpe", acknowledged=())
    city.approve(request, "office")
    decision = city.decide(request)
    assert decision.outcome == "blocked"
    assert decision.approved_by == ("office",)
    assert "does not acknowledge" in one(decision, "approval", "noted")


def test_two_halves_do_not_make_a_whole() -> None:
    """One officer must have seen all of it."""
    city = PolicyCity()
    request = city.request(screening=("phone", "profanity"))
    city.approve(request, "mcpe", acknowledged=("phone",))
    city.approve(request, "office", acknowledged=("profanity",))
    assert city.decide(request).outcome == "blocked"


def test_a_later_approval_with_it_mends_it() -> None:
    """The officer's last statement counts."""
    city = PolicyCity()
    request = city.request(screening=("phone",))
    city.approve(request, "mcpe", acknowledged=())
    city.approve(request, "mcpe")
    assert city.decide(request).outcome == "cleared"


def test_clean_content_is_not_spoken_of() -> None:
    """Without a finding the clause is silent."""
    city = PolicyCity()
    assert said(city.decide(city.request()), CLAUSE) == []
