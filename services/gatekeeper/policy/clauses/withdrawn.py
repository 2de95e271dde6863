"""Withdrawn: what was taken back is not posted, nor what is still left of it."""

from __future__ import annotations

from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import refused

CLAUSE = "withdrawn"


def judge(facts: Facts, weighed: Weighed) -> Finding | None:
    """Refuse a request that control says is withdrawn."""
    reason = facts.control.withdrawn.get(facts.request.request_id)
    if reason is None:
        return None
    return refused(CLAUSE, f"The request was withdrawn: {reason}. To say it after all, submit it again.")
