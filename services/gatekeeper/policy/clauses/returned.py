"""Returned: what an officer sent back waits for a new revision, which somebody else writes."""

from __future__ import annotations

from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed, Weight
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import blocked

CLAUSE = "returned"


def judge(facts: Facts, weighed: Weighed) -> tuple[Finding, ...]:
    """Block what was returned, and a revision by who returned an earlier one: who judges a text does not write it."""
    found = tuple(blocked(CLAUSE, _reason(weight, facts)) for weight in weighed.returns)
    if facts.request.author not in facts.returned_by:
        return found
    said = (
        f"{facts.request.author} returned an earlier revision, and may not be who edits it: somebody else revises it."
    )
    return (*found, blocked(CLAUSE, said))


def _reason(weight: Weight, facts: Facts) -> str:
    said = weight.statement.reason.strip().rstrip(".") or "no reason given"
    how = f"somebody else revises it: onevoice request --revise {facts.request.request_id} TEXT"
    return f"{weight.officer} returned it: {said}. To change it, {how}."
