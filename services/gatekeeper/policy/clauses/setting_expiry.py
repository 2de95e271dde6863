"""Setting, expiry: missed, not late. What nobody could post in time is not posted afterwards."""

from __future__ import annotations

from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import refused
from services.kernel.base.zones import utc_text

CLAUSE = "setting: expiry"


def judge(facts: Facts, weighed: Weighed) -> Finding | None:
    """Refuse from the very moment at which the request expires."""
    request = facts.request
    if facts.now < request.expires_at:
        return None
    left, asked = len(facts.open_targets), len(request.targets)
    return refused(
        CLAUSE,
        f"It expired at {utc_text(request.expires_at)} with {left} of {asked} profiles still to go: missed, not late. "
        "If it is still true, submit it again.",
    )
