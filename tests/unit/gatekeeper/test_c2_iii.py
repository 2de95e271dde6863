"""Clause 2(iii): under the EOC all content needs the cao, the mcpe, the pio or the eoc_director."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.events.authority import Role
from services.gatekeeper.policy.clauses import c2_iii
from tests.unit.gatekeeper.town import MINUTE, SECOND, Town, one, said

COUNTS = {"cao", "mcpe", "pio", "eoc-director"}
EVERYBODY = sorted(COUNTS | {"office", "fire-publisher", "fire-speaker", "chief", "clerk", "nobody"})


@pytest.mark.parametrize("posture", ["eoc_activating", "eoc_active"])
@pytest.mark.parametrize("officer", EVERYBODY)
def test_under_the_eoc_four_roles_count_and_no_other(posture: str, officer: str) -> None:
    """Activating is as good as active; a publisher, the office or a designated employee does not suffice."""
    town = Town()
    town.posture(posture)
    request = town.request(author=officer)
    expected = "cleared" if officer in COUNTS else "blocked"
    assert town.outcome(request, officer) == expected
    one(town.decide(request), c2_iii.CLAUSE, "satisfied" if officer in COUNTS else "blocked")


def test_it_does_not_speak_outside_of_the_eoc() -> None:
    """In routine and in a declared crisis 2(iii) says nothing."""
    for posture in ("routine", "crisis"):
        town = Town()
        town.posture(posture)
        assert said(town.decide(town.request()), c2_iii.CLAUSE) == []


def test_the_reason_names_who_can_mend_it() -> None:
    """At 3 a.m. the names of those who hold a role now are what helps."""
    town = Town()
    town.designate("clerk", Role.PIO)
    town.revoke("pio")
    town.activate()
    reason = one(town.decide(town.request()), c2_iii.CLAUSE, "blocked")
    assert "waiting for cao, clerk (employee, pio), eoc-director or mcpe." in reason


def test_when_nobody_is_left_the_reason_says_who_designates() -> None:
    """With all holders gone, the way out is a designation."""
    town = Town()
    for officer in ("mcpe", "pio", "eoc-director"):
        town.revoke(officer)
    town.order("cao", _activate())
    town.revoke("cao")
    reason = one(town.decide(town.request()), c2_iii.CLAUSE, "blocked")
    assert "no other officer holds a role" in reason
    assert "designate" in reason


def _activate() -> object:
    from schemas.events.control import EocActivate

    return EocActivate(level=1, incident="storm")


def test_what_was_open_when_the_eoc_activates_falls_under_it() -> None:
    """A request cleared in routine by a publisher is blocked from the activation on."""
    town = Town()
    request = town.request(author="fire-publisher")
    assert town.outcome(request, "fire-publisher") == "cleared"
    town.activate(barrier=False)
    assert town.decide(request).outcome == "blocked"
    assert town.outcome(request, "pio") == "cleared"


def test_stand_down_never_fires_what_was_held() -> None:
    """Submitted under the EOC, it needs one of the four after the stand-down too; the publisher does not do."""
    for barrier in (False, True):
        town = Town()
        town.activate(barrier)
        request = town.request(author="fire-publisher")
        town.approve(request, "fire-publisher")
        town.stand_down()
        assert town.outcome(request, "office") == "blocked"
        assert "submitted while the EOC was active" in one(town.decide(request), c2_iii.CLAUSE, "blocked")
        assert town.outcome(request, "cao") == "cleared"


def test_a_request_from_before_returns_to_routine_rules_after() -> None:
    """What was submitted in routine is judged by routine rules once the EOC stood down."""
    town = Town()
    request = town.request(author="fire-publisher")
    town.activate()
    town.approve(request, "fire-publisher")
    assert town.decide(request).outcome == "blocked"
    town.stand_down()
    assert town.decide(request).outcome == "cleared"


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
    town = Town()
    town.activate()
    request = town.request()
    town.approve(request, "cao")
    town.now += age
    assert town.decide(request).outcome == expected


def test_designate_then_approve_and_approve_then_designate() -> None:
    """Who holds the role now counts, in both orders; before the designation nothing clears."""
    town = Town()
    town.activate()
    first, second = town.request(), town.request()
    town.designate("clerk", Role.PIO)
    assert town.outcome(first, "clerk") == "cleared"
    town.approve(second, "chief")
    assert town.decide(second).outcome == "blocked"
    town.designate("chief", Role.PIO)
    assert town.decide(second).outcome == "cleared"


def test_approve_then_revoke_and_revoke_then_approve() -> None:
    """A revocation takes back what was approved before, and what comes after is worth nothing."""
    town = Town()
    town.activate()
    first, second = town.request(), town.request()
    assert town.outcome(first, "pio") == "cleared"
    town.revoke("pio")
    assert town.decide(first).outcome == "blocked"
    assert town.outcome(second, "pio") == "blocked"


def test_a_role_that_ran_out_no_longer_counts() -> None:
    """The designation's end is exclusive, and a clearance ends with it."""
    town = Town()
    town.activate()
    town.designate("clerk", Role.PIO, valid_until=town.now + 10 * MINUTE)
    request = town.request()
    town.approve(request, "clerk")
    decision = town.decide(request)
    assert decision.valid_until == town.now + 10 * MINUTE
    town.now += 10 * MINUTE
    assert town.decide(request).outcome == "blocked"
