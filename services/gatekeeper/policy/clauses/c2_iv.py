"""2(iv): all departmental profiles at once are for the pio and the mcpe, in a crisis or emergency."""

from __future__ import annotations

from schemas.events.requests import ALL_DEPARTMENTS
from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed, Weight
from services.gatekeeper.policy.authority import ALL_PROFILES, role_until, waiting_for
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import blocked, satisfied
from services.gatekeeper.policy.wording import both

CLAUSE = "2(iv)"


def judge(facts: Facts, weighed: Weighed) -> Finding | None:
    """Block a message for all departments outside of a crisis, and until the pio or the mcpe is among its approvers."""
    if not reaches_all(facts):
        return None
    if not facts.control.in_crisis:
        return blocked(
            CLAUSE,
            "All departmental profiles are used at once only in a crisis or while the EOC is active, and it is neither "
            "now. It is not narrowed by itself: submit it for the profiles that it concerns, or wait until a crisis is "
            "declared or the EOC is activated.",
        )
    by = [weight.officer for weight in leaders(weighed)]
    if by:
        return satisfied(CLAUSE, f"{both(by)} may use all departmental profiles in a crisis, and approved it for them.")
    others = [weight.officer for weight in weighed.counting]
    so_far = f" {both(others)} approved it, but may not give that alone." if others else ""
    return blocked(
        CLAUSE,
        f"It is for all departmental profiles, which takes the approval of the pio or the mcpe.{so_far} "
        f"It is not narrowed by itself: {waiting_for(facts, weighed.regime, ALL_PROFILES)}, "
        "or submit it for named profiles.",
    )


def reaches_all(facts: Facts) -> bool:
    """True when the request is for all departments, by its scope or by the list of its profiles."""
    request = facts.request
    if request.scope == ALL_DEPARTMENTS:
        return True
    return facts.control.covers_all_departments(request.targets)


def leaders(weighed: Weighed) -> tuple[Weight, ...]:
    """Return the approvals that count and are by a pio or an mcpe."""
    return tuple(w for w in weighed.counting if role_until(w.grants, ALL_PROFILES) is not None)
