"""Clause setting: second approver: two people for the severities that the city names."""

from __future__ import annotations

import pytest

from schemas.events.authority import Settings
from services.gatekeeper.policy.clauses import setting_second_approver
from tests.unit.gatekeeper.policy_city import MINUTE, START, PolicyCity, one, said, signer

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
        (None, "clerk", ("pio",), "blocked"),
        (None, "clerk", ("pio", "cao"), "cleared"),
    ],
)
def test_two_different_people_whose_word_counts(
    severity: str | None, author: str, approvers: tuple[str, ...], outcome: str
) -> None:
    """The author counts as one by signing; the same person twice, or somebody without a role, does not."""
    city = PolicyCity(settings=TWO)
    city.activate()
    request = city.request(severity=severity, author=author)
    assert city.outcome(request, *approvers) == outcome


def test_it_is_off_by_default() -> None:
    """The policy itself asks for one."""
    city = PolicyCity()
    request = city.request(severity="extreme")
    assert city.outcome(request, "mcpe") == "cleared"
    assert said(city.decide(request), CLAUSE) == []


def test_one_key_under_two_names_is_one_person() -> None:
    """Two officers that share a key do not watch each other."""
    city = PolicyCity(settings=TWO, keys={"cao": signer("pio")})
    city.activate()
    request = city.request(severity="extreme")
    assert city.outcome(request, "pio", "cao") == "blocked"
    assert city.outcome(request, "mcpe") == "cleared"


def test_one_person_counts_with_their_longest_approval() -> None:
    """Of two approvals with one key the longer one carries."""
    city = PolicyCity(settings=TWO, keys={"cao": signer("pio")})
    city.activate()
    request = city.request(severity="extreme")
    for officer, minutes in (("pio", 30), ("cao", 5), ("mcpe", 20)):
        city.approve(request, officer, expires_at=START + minutes * MINUTE)
    assert city.decide(request).valid_until == START + 20 * MINUTE


def test_the_reason_names_who_else_may() -> None:
    """Who approved already is not waited for again."""
    city = PolicyCity(settings=TWO)
    city.activate()
    request = city.request(severity="extreme")
    assert "nobody approved it so far" in one(city.decide(request), CLAUSE, "blocked")
    city.approve(request, "pio")
    reason = one(city.decide(request), CLAUSE, "blocked")
    assert "waiting for cao, eoc-director or mcpe." in reason


def test_the_clearance_ends_when_one_of_two_is_left() -> None:
    """With three approvals the second longest is what carries it."""
    city = PolicyCity(settings=TWO)
    city.activate()
    request = city.request(severity="extreme")
    for minutes, officer in ((0, "pio"), (5, "cao"), (10, "mcpe")):
        city.now = START + minutes * MINUTE
        city.approve(request, officer)
    assert city.decide(request).valid_until == START + 35 * MINUTE
    city.now = START + 35 * MINUTE
    assert city.decide(request).outcome == "blocked"
