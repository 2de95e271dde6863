"""Setting, second approver: two people for the severities that the city names (Hawaii, 2018)."""

from __future__ import annotations

from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed, Weight
from services.gatekeeper.policy.authority import waiting_for
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import blocked, satisfied
from services.gatekeeper.policy.wording import both

CLAUSE = "setting: second approver"


def judge(facts: Facts, weighed: Weighed) -> Finding | None:
    """Block until two different people approved whose word counts; the author may be one of them."""
    if not applies(facts):
        return None
    people = [weight.officer for weight in different_people(weighed)]
    kind = f"of severity {facts.request.severity}" if facts.request.severity else "without a severity"
    if len(people) >= 2:
        return satisfied(CLAUSE, f"A message {kind} takes two people: {both(people)} approved it.")
    so_far = f"{people[0]} approved it, and one more is missing" if people else "nobody approved it so far"
    done = frozenset(people)
    return blocked(
        CLAUSE,
        f"In this city a message {kind} takes two people; {so_far}: "
        f"{waiting_for(facts, weighed.regime, without=done)}.",
    )


def applies(facts: Facts) -> bool:
    """True when the city asks for two people at this request's severity; one without a severity counts as the highest.

    The severity is the one that was signed: an approval that names another does not count.
    """
    severities = facts.control.settings.second_approver_severities
    return bool(severities) and (facts.request.severity is None or facts.request.severity in severities)


def different_people(weighed: Weighed) -> tuple[Weight, ...]:
    """Return one approval that counts for each key, the longest lasting: one key under two names is one person."""
    by_key: dict[str, Weight] = {}
    for weight in weighed.counting:
        held = by_key.get(weight.key)
        if held is None or (held.until and weight.until and held.until < weight.until):
            by_key[weight.key] = weight
    return tuple(by_key.values())
