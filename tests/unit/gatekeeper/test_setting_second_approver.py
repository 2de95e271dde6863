"""Clause setting: second approver: two people for the severities that the city names."""

from __future__ import annotations

import pytest

from schemas.events.authority import Settings
from services.gatekeeper.policy.clauses import setting_second_approver
from tests.unit.gatekeeper.town import MINUTE, START, Town, one, said, signer

CLAUSE = setting_second_approver.CLAUSE
TWO = Settings(second_approver_severities=("extreme", "severe"))


@pytest.mark.parametrize(
    ("severity", "author", "approvers", "outcome"),
    [
        ("extreme", "clerk", ("pio",), "blocked"),
        ("extreme", "clerk", ("pio", "pio"), "blocked"),
        ("extreme", "clerk", ("pio", "cao"), "cleared"),
        ("severe", "clerk", ("cao", "pio"), "cleared"),
        ("extreme", "pio", ("pio",), "blocked"),
        ("extreme", "pio", ("pio", "mcpe"), "cleared"),
        ("extreme", "pio", ("mcpe",), "blocked"),
        ("extreme", "clerk", ("pio", "clerk"), "blocked"),
        ("extreme", "clerk", ("pio", "office"), "blocked"),
        ("moderate", "clerk", ("pio",), "cleared"),
        (None, "clerk", ("pio",), "cleared"),
    ],
)
def test_two_different_people_whose_word_counts(
    severity: str | None, author: str, approvers: tuple[str, ...], outcome: str
) -> None:
    """The author counts as one by signing; the same person twice, or somebody without a role, does not."""
    town = Town(settings=TWO)
    town.activate()
    request = town.request(severity=severity, author=author)
    assert town.outcome(request, *approvers) == outcome


def test_it_is_off_by_default() -> None:
    """The policy itself asks for one."""
    town = Town()
    request = town.request(severity="extreme")
    assert town.outcome(request, "mcpe") == "cleared"
    assert said(town.decide(request), CLAUSE) == []


def test_one_key_under_two_names_is_one_person() -> None:
    """Two officers that share a key do not watch each other."""
    town = Town(settings=TWO, keys={"cao": signer("pio")})
    town.activate()
    request = town.request(severity="extreme")
    assert town.outcome(request, "pio", "cao") == "blocked"
    assert town.outcome(request, "mcpe") == "cleared"


def test_one_person_counts_with_their_longest_approval() -> None:
    """Of two approvals with one key the longer one carries."""
    town = Town(settings=TWO, keys={"cao": signer("pio")})
    town.activate()
    request = town.request(severity="extreme")
    for officer, minutes in (("pio", 30), ("cao", 5), ("mcpe", 20)):
        town.approve(request, officer, expires_at=START + minutes * MINUTE)
    assert town.decide(request).valid_until == START + 20 * MINUTE


def test_the_reason_names_who_else_may() -> None:
    """Who approved already is not waited for again."""
    town = Town(settings=TWO)
    town.activate()
    request = town.request(severity="extreme")
    assert "nobody approved it so far" in one(town.decide(request), CLAUSE, "blocked")
    town.approve(request, "pio")
    reason = one(town.decide(request), CLAUSE, "blocked")
    assert "waiting for cao, eoc-director or mcpe." in reason


def test_the_clearance_ends_when_one_of_two_is_left() -> None:
    """With three approvals the second longest is what carries it."""
    town = Town(settings=TWO)
    town.activate()
    request = town.request(severity="extreme")
    for minutes, officer in ((0, "pio"), (5, "cao"), (10, "mcpe")):
        town.now = START + minutes * MINUTE
        town.approve(request, officer)
    assert town.decide(request).valid_until == START + 35 * MINUTE
    town.now = START + 35 * MINUTE
    assert town.decide(request).outcome == "blocked"
