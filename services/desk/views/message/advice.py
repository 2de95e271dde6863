"""Whose approval a message will need, in words for the person who is about to send it.

Only a forecast, from the policy's own roles (HUM.11(A) 2(i)-(iv), 1 Oversight (iii), 3(iv)(c)): the gate decides.
"""

from __future__ import annotations

from schemas.events.broadcasts import LatePost
from schemas.events.control import Posture

_EOC = "the CAO, the MCPE, the PIO or the EOC director (clause 2(iii))"
_CRISIS = "the MCPE, the PIO or the communications office (clause 2(i))"
_ROUTINE = "the MCPE, the communications office or a publisher of that profile (clauses 1 Oversight (iii) and 3(iv)(c))"

POSTURE_NAMES = {
    Posture.ROUTINE: "routine",
    Posture.CRISIS: "CRISIS",
    Posture.EOC_ACTIVATING: "EOC ACTIVATING",
    Posture.EOC_ACTIVE: "EOC ACTIVE",
}


def posture_line(posture: Posture, level: int | None, incident: str | None) -> str:
    """Return the posture in one line, as in ``EOC ACTIVE, level 2: Fraser River flood``."""
    name = POSTURE_NAMES[posture]
    if level is not None:
        name += f", level {level}"
    return f"{name}: {incident}" if incident else name


def unknown_post(request_id: str, profile: str) -> str:
    """Return the warning of a post that nobody can account for under the EOC."""
    return f"UNKNOWN: {request_id} on {profile} may be out, or come out yet, without an approval: look"


def late_post(post: LatePost) -> str:
    """Return the warning of a post that is public although it was taken back, or was unknown."""
    by_hand = f"look, and delete it there: {post.replaced_by} came before it"
    todo = by_hand if post.replaced_by else "look, and recall it"
    return f"OUT: {post.request_id} is public on {post.profile}, and was not to be: {post.address}: {todo}"


def needs(posture: Posture, scope: str, crisis: bool) -> str:
    """Return in a sentence whose approval counts for a message in a posture."""
    if scope == "all-departments" and posture is Posture.ROUTINE:
        return "It will wait: all departmental profiles are used in a crisis only (clause 2(iv))."
    if scope == "all-departments":
        return "The PIO or the MCPE must be among its approvers (clause 2(iv))."
    if posture in (Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE):
        return f"It needs an approval by {_EOC}."
    if posture is Posture.CRISIS:
        return f"It needs an approval by {_CRISIS}."
    more = " Crisis content needs someone who is designated for it (clause 2(ii))." if crisis else ""
    return f"It needs an approval by {_ROUTINE}.{more}"


def reach(count: int, scope: str) -> str:
    """Return how far a message goes, in words."""
    if scope == "all-departments":
        return f"all {count} departmental profiles"
    return "1 profile" if count == 1 else f"{count} profiles"
