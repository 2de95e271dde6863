"""Definitions i-xi, inappropriate use: what screening found must be seen and accepted by who approves."""

from __future__ import annotations

from schemas.events.requests import ScreeningFinding
from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.authority import waiting_for
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import blocked, satisfied
from services.gatekeeper.policy.wording import both

CLAUSE = "definitions i-xi"


def judge(facts: Facts, weighed: Weighed) -> Finding | None:
    """Block until an approval that counts acknowledges every finding of the screening."""
    found = facts.request.screening
    if not found:
        return None
    codes = {finding.code for finding in found}
    seen_by = [w.officer for w in weighed.counting if codes <= set(w.statement.acknowledged)]
    if seen_by:
        return satisfied(CLAUSE, f"{both(seen_by)} saw and accepted what screening found: {_listed(found)}.")
    return blocked(
        CLAUSE,
        f"Screening found {_listed(found)}. Whoever approves must acknowledge it (approve --acknowledge), or the "
        f"author withdraws it and submits it without: {waiting_for(facts, weighed.regime)}.",
    )


def _listed(found: tuple[ScreeningFinding, ...]) -> str:
    return both(f"{finding.code} ({finding.where})" if finding.where else finding.code for finding in found)
