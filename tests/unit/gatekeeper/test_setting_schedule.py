"""Clause setting: schedule: what is to go out at a time waits for it, and is judged again then."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.events.requests import SCHEDULE_GRACE, Request
from services.gatekeeper.policy.clauses import setting_schedule
from tests.unit.gatekeeper.policy_city import MINUTE, SECOND, PolicyCity, one

CLAUSE = setting_schedule.CLAUSE
DELAY = timedelta(hours=10)


def scheduled(city: PolicyCity, *officers: str) -> Request:
    """A request for ten hours from now, approved until then by officers."""
    due = city.now + DELAY
    request = city.request(not_before=due, expires_at=due + SCHEDULE_GRACE)
    for officer in officers:
        city.approve(request, officer, expires_at=request.expires_at)
    return request


@pytest.mark.parametrize(
    ("age", "outcome"),
    [
        (0 * SECOND, "blocked"),
        (DELAY - SECOND, "blocked"),
        (DELAY, "cleared"),
        (DELAY + SCHEDULE_GRACE - SECOND, "cleared"),
        (DELAY + SCHEDULE_GRACE, "refused"),
    ],
)
def test_it_is_cleared_from_its_time_for_the_grace_alone(age: timedelta, outcome: str) -> None:
    """Never early, never late."""
    city = PolicyCity()
    request = scheduled(city, "mcpe")
    city.now += age
    assert city.decide(request).outcome == outcome


def test_the_gate_looks_again_when_it_is_due() -> None:
    city = PolicyCity()
    request = scheduled(city, "mcpe")
    decision = city.decide(request)
    assert decision.look_again == request.not_before
    assert "It goes out at 2026-02-01 00:00:00 UTC, and not after 2026-02-01 00:05:00 UTC" in one(
        decision, CLAUSE, "blocked"
    )


def test_who_approved_it_is_asked_for_their_role_when_it_is_due() -> None:
    """It is judged again: a yes of somebody who was revoked meanwhile is worth nothing."""
    city = PolicyCity()
    request = scheduled(city, "mcpe")
    city.revoke("mcpe")
    city.now += DELAY
    assert city.decide(request).outcome == "blocked"


def test_the_hold_holds_it_back_when_it_is_due() -> None:
    city = PolicyCity()
    request = scheduled(city, "mcpe")
    city.activate()
    city.now += DELAY
    assert city.decide(request).outcome == "cleared"
    office = scheduled(city, "office")
    city.now += DELAY
    assert city.decide(office).outcome == "blocked"


@pytest.mark.parametrize("posture", ["crisis", "eoc_active"])
def test_it_never_goes_out_past_the_end_of_the_emergency(posture: str) -> None:
    """Not after the stand-down, and not in the next emergency either."""
    city = PolicyCity()
    city.posture(posture)
    request = scheduled(city, "mcpe")
    city.order("cao", _end_of(posture))
    city.now += DELAY
    assert "has ended since" in one(city.decide(request), CLAUSE, "refused")
    city.posture(posture)
    assert city.decide(request).outcome == "refused"


def test_what_was_scheduled_in_a_crisis_goes_out_under_the_eoc_with_its_approval() -> None:
    city = PolicyCity()
    city.crisis()
    request = scheduled(city, "pio")
    city.activate()
    city.now += DELAY
    assert city.decide(request).outcome == "cleared"


def test_an_approval_lasts_longer_only_for_the_very_time_that_it_names() -> None:
    city = PolicyCity()
    request = scheduled(city)
    late = request.expires_at
    city.approve(request, "mcpe", expires_at=late + SECOND)
    assert "claims to last longer" in one(city.decide(request), "approval", "noted")
    city.approve(request, "mcpe", expires_at=late, not_before=late)
    assert "time to go out" in one(city.decide(request), "approval", "noted")
    usual = city.request()
    city.approve(usual, "mcpe", expires_at=city.now + 31 * MINUTE)
    assert "claims to last longer" in one(city.decide(usual), "approval", "noted")


def _end_of(posture: str) -> object:
    from schemas.events.control import CrisisEnd, EocStandDown

    return CrisisEnd() if posture == "crisis" else EocStandDown()
