"""Clause 1 Oversight (iii): in routine a publisher clears content for the profiles delegated to them."""

from __future__ import annotations

import pytest

from schemas.events.authority import Grant, Role
from services.gatekeeper.policy.clauses import c1_oversight_iii
from tests.unit.gatekeeper.policy_city import MINUTE, START, PolicyCity, one, said


@pytest.mark.parametrize(
    ("targets", "outcome"),
    [
        (("fire-town",), "cleared"),
        (("fire-town", "fire-news"), "cleared"),
        (("fire-news", "fire-town"), "cleared"),
        (("police-town",), "blocked"),
        (("fire-town", "police-town"), "blocked"),
    ],
)
def test_a_publisher_clears_what_is_delegated_and_nothing_else(targets: tuple[str, ...], outcome: str) -> None:
    """Every profile asked for must be delegated; a part of them does not do."""
    city = PolicyCity()
    assert city.outcome(city.request(author="fire-publisher", targets=targets), "fire-publisher") == outcome


def test_the_reason_names_what_is_not_delegated() -> None:
    """A publisher of only some of the targets reads which ones are missing."""
    city = PolicyCity()
    request = city.request(author="fire-publisher", targets=("fire-town", "police-town"))
    city.approve(request, "fire-publisher")
    assert "not of police-town" in one(city.decide(request), c1_oversight_iii.CLAUSE, "noted")


def test_two_publishers_of_a_part_each_do_not_add_up() -> None:
    """Each signature is judged alone; the office is who speaks for several departments."""
    city = PolicyCity()
    request = city.request(author="fire-publisher", targets=("fire-town", "police-town"))
    assert city.outcome(request, "fire-publisher", "police-publisher") == "blocked"
    assert city.outcome(request, "office") == "cleared"


def test_delegation_may_come_in_several_grants() -> None:
    """Grants add up, and the clearance ends with the first of them that is needed."""
    officers: dict[str, tuple[Grant, ...]] = {
        "two": (
            Grant(role=Role.PUBLISHER, profiles=("fire-town",), valid_until=START + 9 * MINUTE),
            Grant(role=Role.PUBLISHER, profiles=("police-town", "fire-town"), valid_until=START + 20 * MINUTE),
        )
    }
    city = PolicyCity(officers)
    request = city.request(author="two", targets=("fire-town", "police-town"))
    assert city.outcome(request, "two") == "cleared"
    assert city.decide(request).valid_until == START + 20 * MINUTE


def test_a_delegation_not_begun_or_over_does_not_count() -> None:
    """From its beginning, inclusive, until its end, exclusive."""
    grant = Grant(
        role=Role.PUBLISHER, profiles=("fire-town",), valid_from=START + MINUTE, valid_until=START + 2 * MINUTE
    )
    city = PolicyCity({"later": (grant,)})
    request = city.request(author="later")
    city.approve(request, "later")
    for minutes, outcome in ((0, "blocked"), (1, "cleared"), (2, "blocked")):
        city.now = START + minutes * MINUTE
        assert city.decide(request).outcome == outcome


def test_a_signature_is_needed_not_only_the_delegation() -> None:
    """Submitting is not signing."""
    city = PolicyCity()
    assert city.decide(city.request(author="fire-publisher")).outcome == "blocked"


def test_it_counts_in_routine_only() -> None:
    """In crisis and EOC the clause is silent."""
    for posture in ("crisis", "eoc_activating", "eoc_active"):
        city = PolicyCity()
        city.posture(posture)
        request = city.request(author="fire-publisher")
        assert city.outcome(request, "fire-publisher") == "blocked"
        assert said(city.decide(request), c1_oversight_iii.CLAUSE) == []


def test_crisis_content_takes_a_designation_too() -> None:
    """The note says that 2(ii) is what is missing."""
    city = PolicyCity()
    request = city.request(author="fire-publisher", crisis=True)
    city.approve(request, "fire-publisher")
    assert "not designated" in one(city.decide(request), c1_oversight_iii.CLAUSE, "noted")
