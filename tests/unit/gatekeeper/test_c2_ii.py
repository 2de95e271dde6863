"""Clause 2(ii): who is not designated does not publish about the crisis; what they submit is a request."""

from __future__ import annotations

import pytest

from schemas.events.authority import Role
from services.gatekeeper.policy.clauses import c2_ii
from tests.unit.gatekeeper.policy_city import PolicyCity, one, said


@pytest.mark.parametrize(
    ("posture", "author", "outcome"),
    [
        ("routine", "fire-publisher", "blocked"),
        ("routine", "fire-speaker", "cleared"),
        ("routine", "chief", "blocked"),
        ("routine", "clerk", "blocked"),
        ("routine", "cao", "blocked"),
        ("routine", "mcpe", "cleared"),
        ("routine", "office", "cleared"),
        ("crisis", "fire-speaker", "blocked"),
        ("crisis", "office", "cleared"),
        ("crisis", "clerk", "blocked"),
        ("eoc_active", "office", "blocked"),
        ("eoc_active", "fire-speaker", "blocked"),
        ("eoc_active", "cao", "cleared"),
    ],
)
def test_crisis_content_on_the_authors_own_signature(posture: str, author: str, outcome: str) -> None:
    """Only a role that counts, or a designated publisher in routine, clears their own crisis content."""
    city = PolicyCity()
    city.posture(posture)
    assert city.outcome(city.request(author=author, crisis=True), author) == outcome


@pytest.mark.parametrize(
    ("posture", "approver"), [("routine", "mcpe"), ("routine", "office"), ("crisis", "pio"), ("eoc_active", "cao")]
)
@pytest.mark.parametrize("author", ["clerk", "fire-publisher", "drivebc"])
def test_the_approving_officer_becomes_publisher_of_record(posture: str, approver: str, author: str) -> None:
    """The request of somebody who is not designated goes out in the name of who approved it."""
    city = PolicyCity()
    city.posture(posture)
    kind = "system" if author == "drivebc" else "officer"
    request = city.request(author=author, author_kind=kind, crisis=True)
    blocked = city.decide(request)
    assert blocked.outcome == "blocked"
    assert blocked.publisher_of_record is None
    assert "not designated" in one(blocked, c2_ii.CLAUSE, "blocked")
    assert city.outcome(request, approver) == "cleared"
    decision = city.decide(request)
    assert decision.publisher_of_record == approver
    assert approver in one(decision, c2_ii.CLAUSE, "satisfied")


def test_the_author_stays_publisher_of_record_on_their_own_authority() -> None:
    """Who may clear it and signs it publishes it, whoever approves it besides."""
    city = PolicyCity()
    city.crisis()
    request = city.request(author="office", crisis=True)
    assert city.outcome(request, "pio", "office") == "cleared"
    assert city.decide(request).publisher_of_record == "office"


def test_another_undesignated_publisher_cannot_release_it_in_routine() -> None:
    """A clerk's crisis content for the fire profile is not cleared by the undesignated fire publisher."""
    city = PolicyCity()
    request = city.request(author="clerk", crisis=True)
    assert city.outcome(request, "fire-publisher") == "blocked"
    assert city.outcome(request, "fire-speaker") == "cleared"


def test_a_designation_counts_in_both_orders_and_ends() -> None:
    """Signing first or being designated first is the same; when the designation is over it blocks again."""
    city = PolicyCity()
    request = city.request(author="fire-publisher", crisis=True)
    assert city.outcome(request, "fire-publisher") == "blocked"
    end = city.now + (city.request().expires_at - city.now) / 16
    city.designate("fire-publisher", Role.DESIGNATED, valid_until=end)
    decision = city.decide(request)
    assert decision.outcome == "cleared"
    assert decision.valid_until == end
    city.now = end
    assert city.decide(request).outcome == "blocked"


def test_a_system_is_never_designated() -> None:
    """A system has no authority, even under the id of an officer who has."""
    city = PolicyCity()
    city.crisis()
    request = city.request(author="chief", author_kind="system", crisis=True)
    assert "chief is not designated" in one(city.decide(request), c2_ii.CLAUSE, "blocked")


def test_the_authors_own_signature_is_never_somebody_elses() -> None:
    """A system under an officer's id: what that officer signs does not turn its request into an approved one."""
    city = PolicyCity()
    city.crisis()
    request = city.request(author="mcpe", author_kind="system", crisis=True)
    assert city.outcome(request, "mcpe") == "blocked"
    one(city.decide(request), c2_ii.CLAUSE, "blocked")
    assert city.outcome(request, "pio") == "cleared"


def test_it_is_silent_about_other_content() -> None:
    """Content that is not about a crisis is none of 2(ii)'s business."""
    city = PolicyCity()
    assert said(city.decide(city.request()), c2_ii.CLAUSE) == []
