"""Clause 2(iii): under the EOC all content needs the cao, the mcpe, the pio or the eoc_director."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.events.authority import Role
from services.gatekeeper.policy.clauses import c2_iii
from tests.unit.gatekeeper.policy_city import MINUTE, SECOND, PolicyCity, one, said

COUNTS = {"cao", "mcpe", "pio", "eoc-director"}
EVERYBODY = sorted(COUNTS | {"office", "fire-publisher", "fire-speaker", "chief", "clerk", "nobody"})


@pytest.mark.parametrize("posture", ["eoc_activating", "eoc_active"])
@pytest.mark.parametrize("officer", EVERYBODY)
def test_under_the_eoc_four_roles_count_and_no_other(posture: str, officer: str) -> None:
    """Activating is as good as active; a publisher, the office or a designated employee does not suffice."""
    city = PolicyCity()
    city.posture(posture)
    request = city.request(author=officer)
    expected = "cleared" if officer in COUNTS else "blocked"
    assert city.outcome(request, officer) == expected
    one(city.decide(request), c2_iii.CLAUSE, "satisfied" if officer in COUNTS else "blocked")


def test_it_does_not_speak_outside_of_the_eoc() -> None:
    """In routine and in a declared crisis 2(iii) says nothing."""
    for posture in ("routine", "crisis"):
        city = PolicyCity()
        city.posture(posture)
        assert said(city.decide(city.request()), c2_iii.CLAUSE) == []


def test_the_reason_names_who_can_mend_it() -> None:
    """At 3 a.m. the names of those who hold a role now are what helps."""
    city = PolicyCity()
    city.designate("clerk", Role.PIO)
    city.revoke("pio")
    city.activate()
    reason = one(city.decide(city.request()), c2_iii.CLAUSE, "blocked")
    assert "waiting for cao, clerk (employee, pio), eoc-director or mcpe." in reason


def test_when_nobody_is_left_the_reason_says_who_designates() -> None:
    """With all holders gone, the way out is a designation."""
    city = PolicyCity()
    for officer in ("mcpe", "pio", "eoc-director"):
        city.revoke(officer)
    city.order("cao", _activate())
    city.revoke("cao")
    reason = one(city.decide(city.request()), c2_iii.CLAUSE, "blocked")
    assert "no other officer holds a role" in reason
    assert "designate" in reason


def _activate() -> object:
    from schemas.events.control import EocActivate

    return EocActivate(level=1, incident="storm")


def test_what_was_open_when_the_eoc_activates_falls_under_it() -> None:
    """A request cleared in routine by a publisher is blocked from the activation on."""
    city = PolicyCity()
    request = city.request(author="fire-publisher")
    assert city.outcome(request, "fire-publisher") == "cleared"
    city.activate(barrier=False)
    assert city.decide(request).outcome == "blocked"
    assert city.outcome(request, "pio") == "cleared"


def test_stand_down_never_fires_what_was_held() -> None:
    """Submitted under the EOC, it needs one of the four after the stand-down too; the publisher does not do."""
    for barrier in (False, True):
        city = PolicyCity()
        city.activate(barrier)
        request = city.request(author="fire-publisher")
        city.approve(request, "fire-publisher")
        city.stand_down()
        assert city.outcome(request, "office") == "blocked"
        assert "submitted while the EOC was active" in one(city.decide(request), c2_iii.CLAUSE, "blocked")
        assert city.outcome(request, "cao") == "cleared"


def test_a_request_from_before_returns_to_routine_rules_after() -> None:
    """What was submitted in routine is judged by routine rules once the EOC stood down."""
    city = PolicyCity()
    request = city.request(author="fire-publisher")
    city.activate()
    city.approve(request, "fire-publisher")
    assert city.decide(request).outcome == "blocked"
    city.stand_down()
    assert city.decide(request).outcome == "cleared"


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (30 * MINUTE - SECOND, "cleared"),
        (30 * MINUTE, "blocked"),
        (30 * MINUTE + SECOND, "blocked"),
    ],
)
def test_an_approval_ends_exactly_at_its_expiry(age: timedelta, expected: str) -> None:
    """At the very moment of the expiry it no longer counts."""
    city = PolicyCity()
    city.activate()
    request = city.request()
    city.approve(request, "cao")
    city.now += age
    assert city.decide(request).outcome == expected


def test_designate_then_approve_and_approve_then_designate() -> None:
    """Who holds the role now counts, in both orders; before the designation nothing clears."""
    city = PolicyCity()
    city.activate()
    first, second = city.request(), city.request()
    city.designate("clerk", Role.PIO)
    assert city.outcome(first, "clerk") == "cleared"
    city.approve(second, "chief")
    assert city.decide(second).outcome == "blocked"
    city.designate("chief", Role.PIO)
    assert city.decide(second).outcome == "cleared"


def test_approve_then_revoke_and_revoke_then_approve() -> None:
    """A revocation takes back what was approved before, and what comes after is worth nothing."""
    city = PolicyCity()
    city.activate()
    first, second = city.request(), city.request()
    assert city.outcome(first, "pio") == "cleared"
    city.revoke("pio")
    assert city.decide(first).outcome == "blocked"
    assert city.outcome(second, "pio") == "blocked"


def test_a_role_that_ran_out_no_longer_counts() -> None:
    """The designation's end is exclusive, and a clearance ends with it."""
    city = PolicyCity()
    city.activate()
    city.designate("clerk", Role.PIO, valid_until=city.now + 10 * MINUTE)
    request = city.request()
    city.approve(request, "clerk")
    decision = city.decide(request)
    assert decision.valid_until == city.now + 10 * MINUTE
    city.now += 10 * MINUTE
    assert city.decide(request).outcome == "blocked"
