"""Clause 1 Transparency (i): only sanctioned profiles that say whose they are and what they are for."""

from __future__ import annotations

import pytest

from schemas.events.control import ProfileAdd, ProfileSuspend
from services.gatekeeper.policy.clauses import c1_transparency_i
from tests.unit.gatekeeper.town import PROFILES, Town, one, profile

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
    town = Town(profiles=(profile("fire-town", **changes), *PROFILES[1:]))
    request = town.request(author="mcpe", targets=("police-town", "fire-town"))
    assert town.outcome(request, "mcpe") == "blocked"
    reason = one(town.decide(request), CLAUSE, "blocked")
    assert named in reason
    assert "police-town" not in reason
    assert "Submit it again without" in reason


def test_a_profile_that_is_not_the_citys_blocks() -> None:
    """An unknown target is never posted to."""
    town = Town()
    request = town.request(targets=("fire-town", "ghost"))
    assert town.outcome(request, "mcpe") == "blocked"
    assert "ghost (not a profile of this city)" in one(town.decide(request), CLAUSE, "blocked")


def test_all_departments_is_not_narrowed_but_told_how_to_mend() -> None:
    """One incomplete profile blocks the whole scope."""
    town = Town(profiles=(profile("fire-town", disclosure=""), *PROFILES[1:]))
    town.activate()
    request = town.to_all()
    assert town.outcome(request, "pio") == "blocked"
    assert town.decide(request).targets == request.targets
    assert "not narrowed by itself" in one(town.decide(request), CLAUSE, "blocked")


def test_suspended_then_sanctioned_again() -> None:
    """Cleared, suspended, completed: the gate follows the register."""
    town = Town()
    request = town.request()
    assert town.outcome(request, "mcpe") == "cleared"
    town.order("office", ProfileSuspend(profile="fire-town"))
    assert town.decide(request).outcome == "blocked"
    town.order("office", ProfileAdd(profile=profile("fire-town")))
    assert town.decide(request).outcome == "cleared"


def test_a_profile_that_has_its_receipt_no_longer_holds_the_rest_back() -> None:
    """Suspended after it got the post, it is none of the targets that still wait."""
    town = Town()
    request = town.request(targets=("fire-town", "police-town"))
    town.approve(request, "mcpe")
    town.order("office", ProfileSuspend(profile="fire-town"))
    assert town.decide(request).outcome == "blocked"
    assert town.decide(request, delivered=("fire-town",)).outcome == "cleared"
    assert town.decide(request, delivered=("police-town",)).outcome == "blocked"
