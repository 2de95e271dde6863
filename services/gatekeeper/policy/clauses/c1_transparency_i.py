"""1 Transparency (i): a post goes only to a sanctioned profile that says whose it is and what it is for."""

from __future__ import annotations

from schemas.events.authority import Profile
from schemas.events.requests import ALL_DEPARTMENTS
from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import blocked, satisfied
from services.gatekeeper.policy.wording import both

CLAUSE = "1 Transparency (i)"


def judge(facts: Facts, weighed: Weighed) -> Finding:
    """Block while an open target is not official or lacks a statement; targets are never dropped in silence."""
    profiles = facts.control.profiles
    faults = [(target, fault) for target in facts.open_targets if (fault := _fault(profiles.get(target)))]
    if not faults:
        return satisfied(CLAUSE, "Every profile is sanctioned and carries its purpose, identification and disclosure.")
    named = both(f"{target} ({fault})" for target, fault in faults)
    return blocked(CLAUSE, f"Not fit to be posted to: {named}. {_hint(facts)}")


def _fault(profile: Profile | None) -> str:
    """Say what a profile lacks, or nothing."""
    if profile is None:
        return "not a profile of this city"
    if not profile.official:
        return "not sanctioned"
    if profile.purpose.strip() and profile.identification.strip() and profile.disclosure.strip():
        return ""
    statements = {
        "purpose": profile.purpose,
        "identification": profile.identification,
        "disclosure": profile.disclosure,
    }
    return f"no {both(name for name, text in statements.items() if not text.strip())}"


def _hint(facts: Facts) -> str:
    office = "the mcpe, the comms_office or the cao"
    if facts.request.scope == ALL_DEPARTMENTS:
        return (
            f"The message is for all departmental profiles and is not narrowed by itself: {office} completes or "
            "suspends those profiles in the register; once they are suspended, withdraw it and submit it again, for "
            "a new request takes the profiles that are official then."
        )
    return f"Submit it again without them, or have {office} complete and sanction them in the register."
