"""Setting, schedule: what is to go out at a time waits for it, and is judged again then."""

from __future__ import annotations

from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import blocked, refused
from services.kernel.base.zones import utc_text

CLAUSE = "setting: schedule"


def judge(facts: Facts, weighed: Weighed) -> Finding | None:
    """Block until its time; refuse what was scheduled in an emergency that has ended since."""
    request = facts.request
    if request.not_before is None:
        return None
    if _ended_since(facts):
        when = utc_text(request.not_before)
        said = f"It was scheduled for {when} in an emergency that has ended since"
        return refused(CLAUSE, f"{said}. If it is still true, submit it again.")
    if facts.now < request.not_before:
        return blocked(
            CLAUSE,
            f"It goes out at {utc_text(request.not_before)}, and not after {utc_text(request.expires_at)}, "
            "if it may be posted then.",
        )
    return None


def _ended_since(facts: Facts) -> bool:
    """True when what was in force where it was submitted is not in force any more, or is another one."""
    control, submitted = facts.control, facts.request.submitted_posture
    if submitted == "routine":
        return False
    if submitted == "crisis":
        return not control.in_crisis or (not control.under_eoc and control.began_seq > facts.request_seq)
    return not control.under_eoc or control.began_seq > facts.request_seq
