"""Clause 1 Transparency (i): only sanctioned profiles that say whose they are and what they are for."""

from __future__ import annotations

import pytest

from schemas.events.control import ProfileAdd, ProfileSuspend
from services.gatekeeper.policy.clauses import c1_transparency_i
from tests.unit.gatekeeper.policy_city import PROFILES, PolicyCity, one, profile

CLAUSE = c1_transparency_i.CLAUSE


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"official": False}, "fire-town (not sanctioned)"),
        ({"purpose": ""}, "fire-town (no purpose)"),
        ({"identification": "  "}, "fire-town (no identification)"),
        ({"disclosure": "\n"}, "fire-town (no disclosure)"),
        ({"purpose": "", "disclosure": ""}, "fire-town (no purpose and disclosure)"),
    ],
)
def test_a_profile_that_lacks_something_blocks_and_is_named(changes: dict[str, object], named: str) -> None:
    """Whatever is missing is named, and nothing is posted to the other targets meanwhile."""
    city = PolicyCity(profiles=(profile("fire-town", **changes), *PROFILES[1:]))
    request = city.request(author="mcpe", targets=("police-town", "fire-town"))
    assert city.outcome(request, "mcpe") == "blocked"
    reason = one(city.decide(request), CLAUSE, "blocked")
    assert named in reason
    assert "police-town" not in reason
    assert "Submit it again without" in reason


def test_a_profile_that_is_not_the_citys_blocks() -> None:
    """An unknown target is never posted to."""
    city = PolicyCity()
    request = city.request(targets=("fire-town", "ghost"))
    assert city.outcome(request, "mcpe") == "blocked"
    assert "ghost (not a profile of this city)" in one(city.decide(request), CLAUSE, "blocked")


def test_all_departments_is_not_narrowed_but_told_how_to_mend() -> None:
    """One incomplete profile blocks the whole scope."""
    city = PolicyCity(profiles=(profile("fire-town", disclosure=""), *PROFILES[1:]))
    city.activate()
    request = city.to_all()
    assert city.outcome(request, "pio") == "blocked"
    assert city.decide(request).targets == request.targets
    assert "not narrowed by itself" in one(city.decide(request), CLAUSE, "blocked")


def test_suspended_then_sanctioned_again() -> None:
    """Cleared, suspended, completed: the gate follows the register."""
    city = PolicyCity()
    request = city.request()
    assert city.outcome(request, "mcpe") == "cleared"
    city.order("office", ProfileSuspend(profile="fire-town"))
    assert city.decide(request).outcome == "blocked"
    city.order("office", ProfileAdd(profile=profile("fire-town")))
    assert city.decide(request).outcome == "cleared"


def test_a_profile_that_has_its_receipt_no_longer_holds_the_rest_back() -> None:
    """Suspended after it got the post, it is none of the targets that still wait."""
    city = PolicyCity()
    request = city.request(targets=("fire-town", "police-town"))
    city.approve(request, "mcpe")
    city.order("office", ProfileSuspend(profile="fire-town"))
    assert city.decide(request).outcome == "blocked"
    assert city.decide(request, delivered=("fire-town",)).outcome == "cleared"
    assert city.decide(request, delivered=("police-town",)).outcome == "blocked"
