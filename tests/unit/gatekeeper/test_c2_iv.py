"""Clause 2(iv): all departmental profiles at once are for the pio and the mcpe, in a crisis or emergency."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.events.authority import Settings
from schemas.events.control import ProfileAdd
from services.gatekeeper.policy.clauses import c2_iv
from tests.unit.gatekeeper.policy_city import EVERY_DEPARTMENT, PolicyCity, one, profile, said


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
    city = PolicyCity()
    city.posture(posture)
    request = city.to_all(author="cao") if by_scope else city.request(author="cao", targets=EVERY_DEPARTMENT)
    assert city.outcome(request, *approvers) == outcome
    one(city.decide(request), c2_iv.CLAUSE, "satisfied" if outcome == "cleared" else "blocked")


def test_the_author_may_be_the_pio() -> None:
    """The pio's own signature is the approval, and the pio is the publisher of record."""
    city = PolicyCity()
    city.activate()
    request = city.to_all(author="pio", crisis=True)
    assert city.outcome(request, "pio") == "cleared"
    assert city.decide(request).publisher_of_record == "pio"


def test_the_publisher_of_record_is_who_may_use_all_profiles() -> None:
    """The cao's message to all goes out on the pio's authority."""
    city = PolicyCity()
    city.activate()
    request = city.to_all(author="cao")
    assert city.outcome(request, "cao", "pio") == "cleared"
    decision = city.decide(request)
    assert decision.approved_by == ("cao", "pio")
    assert decision.publisher_of_record == "pio"


def test_it_is_never_narrowed_and_says_what_to_do() -> None:
    """Blocked, it keeps all its targets, and the reason names who can give it."""
    city = PolicyCity()
    city.activate()
    request = city.to_all()
    city.approve(request, "cao")
    decision = city.decide(request)
    assert decision.targets == request.targets
    reason = one(decision, c2_iv.CLAUSE, "blocked")
    assert "waiting for mcpe or pio" in reason
    assert "cao approved it" in reason
    assert "not narrowed" in reason


def test_after_the_stand_down_it_stays_blocked() -> None:
    """Approved under the EOC and not posted in time: in routine all profiles are not used at once."""
    city = PolicyCity()
    city.activate()
    request = city.to_all()
    assert city.outcome(request, "pio") == "cleared"
    city.stand_down()
    assert "neither now" in one(city.decide(request), c2_iv.CLAUSE, "blocked")


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
    city = PolicyCity()
    assert said(city.decide(city.request(targets=targets)), c2_iv.CLAUSE) == []


def test_what_was_delivered_already_does_not_make_it_less_than_all() -> None:
    """The scope is that of the request, not of what is left of it."""
    city = PolicyCity()
    city.activate()
    request = city.request(targets=EVERY_DEPARTMENT)
    city.approve(request, "cao")
    one(city.decide(request, delivered=EVERY_DEPARTMENT[:2]), c2_iv.CLAUSE, "blocked")


def test_a_new_department_changes_what_all_means() -> None:
    """With one more department a list of the three others is no longer all of them."""
    city = PolicyCity()
    city.activate()
    request = city.request(targets=EVERY_DEPARTMENT)
    city.approve(request, "cao")
    assert city.decide(request).outcome == "blocked"
    city.order("office", ProfileAdd(profile=profile("water-town")))
    assert city.decide(request).outcome == "cleared"


def test_the_scope_counts_even_where_it_reaches_fewer() -> None:
    """Asked for all departments, it stays so when one more is sanctioned afterwards, or when there is only one."""
    city = PolicyCity()
    city.activate()
    request = city.to_all()
    city.approve(request, "cao")
    city.order("office", ProfileAdd(profile=profile("water-town")))
    assert not city.control.covers_all_departments(request.targets)
    one(city.decide(request), c2_iv.CLAUSE, "blocked")
    small = PolicyCity(profiles=(profile("fire-town"),))
    small.activate()
    request = small.to_all()
    assert small.outcome(request, "cao") == "blocked"


def test_the_clearance_ends_with_the_last_leaders_approval() -> None:
    """The pio's approval is the needed one: when it ends the cao's alone does not carry it."""
    city = PolicyCity()
    city.activate()
    request = city.to_all()
    city.approve(request, "pio")
    end = city.statement(request, "pio").expires_at
    city.now += (end - city.now) / 2
    city.approve(request, "cao")
    assert city.decide(request).valid_until == end
    city.now = end
    assert city.decide(request).outcome == "blocked"


@pytest.mark.parametrize(
    ("percent", "reached", "outcome"),
    [
        (None, 1, "cleared"),
        (None, 2, "blocked"),
        (50, 2, "blocked"),
        (67, 2, "cleared"),
        (67, 3, "blocked"),
        (0, 1, "cleared"),
        (0, 2, "blocked"),
    ],
)
def test_leaving_one_department_out_is_no_way_round_it(percent: int | None, reached: int, outcome: str) -> None:
    """More than half of the three departments are all of them, or more than the share that the city set."""
    assert len(EVERY_DEPARTMENT) == 3
    city = PolicyCity(settings=Settings(all_departments_percent=percent))
    city.activate()
    assert city.outcome(city.request(targets=EVERY_DEPARTMENT[:reached]), "cao") == outcome


def test_a_ledger_of_before_0_3_is_judged_as_it_was() -> None:
    city = PolicyCity()
    city.activate()
    request = city.request(targets=EVERY_DEPARTMENT[:2])
    city.control = replace(city.control, ruled=False)
    assert city.outcome(request, "cao") == "cleared"
