"""Setting, hold: the stop button keeps everything back while it is on."""

from __future__ import annotations

from schemas.events.authority import Role
from schemas.events.verdicts import Finding
from schemas.roles import WHO_MAY_ORDER
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import blocked
from services.gatekeeper.policy.wording import either

CLAUSE = "setting: hold"


def judge(facts: Facts, weighed: Weighed) -> Finding | None:
    """Block everything while the hold is on."""
    if not facts.control.hold:
        return None
    may = WHO_MAY_ORDER["hold"]
    names = either(str(role) for role in Role if role in may)
    return blocked(CLAUSE, f"The stop button is on: nothing is posted until {names} takes the hold off.")
