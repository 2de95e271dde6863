"""Clause 2(iv): all departmental profiles at once are for the pio and the mcpe, in a crisis or emergency."""

from __future__ import annotations

import pytest

from schemas.events.control import ProfileAdd
from services.gatekeeper.policy.clauses import c2_iv
from tests.unit.gatekeeper.town import EVERY_DEPARTMENT, Town, one, profile, said


@pytest.mark.parametrize(
    ("posture", "approvers", "outcome"),
    [
        ("crisis", ("pio",), "cleared"),
        ("crisis", ("mcpe",), "cleared"),
        ("crisis", ("office",), "blocked"),
        ("crisis", ("office", "pio"), "cleared"),
        ("crisis", ("cao",), "blocked"),
        ("eoc_activating", ("pio",), "cleared"),
        ("eoc_active", ("cao",), "blocked"),
        ("eoc_active", ("eoc-director",), "blocked"),
        ("eoc_active", ("cao", "eoc-director"), "blocked"),
        ("eoc_active", ("cao", "pio"), "cleared"),
        ("eoc_active", ("pio", "cao"), "cleared"),
        ("eoc_active", ("mcpe",), "cleared"),
        ("routine", ("mcpe",), "blocked"),
        ("routine", ("mcpe", "pio", "cao"), "blocked"),
    ],
)
@pytest.mark.parametrize("by_scope", [True, False])
def test_all_departments(posture: str, approvers: tuple[str, ...], outcome: str, by_scope: bool) -> None:
    """Only with the pio or the mcpe, only in crisis or EOC; a list of every department is no way round it."""
    town = Town()
    town.posture(posture)
    request = town.to_all(author="cao") if by_scope else town.request(author="cao", targets=EVERY_DEPARTMENT)
    assert town.outcome(request, *approvers) == outcome
    one(town.decide(request), c2_iv.CLAUSE, "satisfied" if outcome == "cleared" else "blocked")


def test_the_author_may_be_the_pio() -> None:
    """The pio's own signature is the approval, and the pio is the publisher of record."""
    town = Town()
    town.activate()
    request = town.to_all(author="pio", crisis=True)
    assert town.outcome(request, "pio") == "cleared"
    assert town.decide(request).publisher_of_record == "pio"


def test_the_publisher_of_record_is_who_may_use_all_profiles() -> None:
    """The cao's message to all goes out on the pio's authority."""
    town = Town()
    town.activate()
    request = town.to_all(author="cao")
    assert town.outcome(request, "cao", "pio") == "cleared"
    decision = town.decide(request)
    assert decision.approved_by == ("cao", "pio")
    assert decision.publisher_of_record == "pio"


def test_it_is_never_narrowed_and_says_what_to_do() -> None:
    """Blocked, it keeps all its targets, and the reason names who can give it."""
    town = Town()
    town.activate()
    request = town.to_all()
    town.approve(request, "cao")
    decision = town.decide(request)
    assert decision.targets == request.targets
    reason = one(decision, c2_iv.CLAUSE, "blocked")
    assert "waiting for mcpe or pio" in reason
    assert "cao approved it" in reason
    assert "not narrowed" in reason


def test_after_the_stand_down_it_stays_blocked() -> None:
    """Approved under the EOC and not posted in time: in routine all profiles are not used at once."""
    town = Town()
    town.activate()
    request = town.to_all()
    assert town.outcome(request, "pio") == "cleared"
    town.stand_down()
    assert "neither now" in one(town.decide(request), c2_iv.CLAUSE, "blocked")


@pytest.mark.parametrize(
    "targets",
    [
        ("fire-town",),
        ("fire-town", "fire-news"),
        ("fire-town", "police-town"),
        ("fire-town", "city-town", "police-town"),
    ],
)
def test_some_departments_are_not_all(targets: tuple[str, ...]) -> None:
    """A list that leaves a department out is not 2(iv)'s business."""
    town = Town()
    assert said(town.decide(town.request(targets=targets)), c2_iv.CLAUSE) == []


def test_what_was_delivered_already_does_not_make_it_less_than_all() -> None:
    """The scope is that of the request, not of what is left of it."""
    town = Town()
    town.activate()
    request = town.request(targets=EVERY_DEPARTMENT)
    town.approve(request, "cao")
    one(town.decide(request, delivered=EVERY_DEPARTMENT[:2]), c2_iv.CLAUSE, "blocked")


def test_a_new_department_changes_what_all_means() -> None:
    """With one more department a list of the three others is no longer all of them."""
    town = Town()
    town.activate()
    request = town.request(targets=EVERY_DEPARTMENT)
    town.approve(request, "cao")
    assert town.decide(request).outcome == "blocked"
    town.order("office", ProfileAdd(profile=profile("water-town")))
    assert town.decide(request).outcome == "cleared"


def test_the_scope_counts_even_where_it_reaches_fewer() -> None:
    """Asked for all departments, it stays so when one more is sanctioned afterwards, or when there is only one."""
    town = Town()
    town.activate()
    request = town.to_all()
    town.approve(request, "cao")
    town.order("office", ProfileAdd(profile=profile("water-town")))
    assert not town.control.covers_all_departments(request.targets)
    one(town.decide(request), c2_iv.CLAUSE, "blocked")
    small = Town(profiles=(profile("fire-town"),))
    small.activate()
    request = small.to_all()
    assert small.outcome(request, "cao") == "blocked"


def test_the_clearance_ends_with_the_last_leaders_approval() -> None:
    """The pio's approval is the needed one: when it ends the cao's alone does not carry it."""
    town = Town()
    town.activate()
    request = town.to_all()
    town.approve(request, "pio")
    end = town.statement(request, "pio").expires_at
    town.now += (end - town.now) / 2
    town.approve(request, "cao")
    assert town.decide(request).valid_until == end
    town.now = end
    assert town.decide(request).outcome == "blocked"
