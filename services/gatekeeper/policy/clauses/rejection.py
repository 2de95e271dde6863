"""Rejection: a signed no by somebody whose yes would count is final."""

from __future__ import annotations

from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed, Weight
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import refused

CLAUSE = "rejection"


def judge(facts: Facts, weighed: Weighed) -> tuple[Finding, ...]:
    """Refuse what was rejected, in the words of each officer who did; others' approvals do not outweigh it."""
    return tuple(refused(CLAUSE, _reason(weight)) for weight in weighed.rejections)


def _reason(weight: Weight) -> str:
    said = weight.statement.reason.strip() or "no reason given"
    return f"{weight.officer} rejected it: {said}. Change it and submit it again."
