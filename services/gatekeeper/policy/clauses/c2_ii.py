"""2(ii): who is not designated does not publish about the crisis; what they submit is a request."""

from __future__ import annotations

from schemas.events.authority import Role
from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.authority import APPROVING, Regime, grants_of, role_until, waiting_for
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import blocked, satisfied

CLAUSE = "2(ii)"


def judge(facts: Facts, weighed: Weighed) -> Finding | None:
    """Block crisis content by an author who is not designated until somebody else's approval counts."""
    if not facts.request.crisis:
        return None
    author = facts.request.author
    if may_speak(facts, weighed.regime):
        return satisfied(CLAUSE, f"{author} is designated to publish about the crisis.")
    others = [weight.officer for weight in weighed.counting if weight.officer != author]
    if others:
        return satisfied(
            CLAUSE,
            f"{author} is not designated to publish about the crisis, so this was a request; {others[0]} approved it "
            "and publishes it.",
        )
    return blocked(
        CLAUSE,
        f"{author} is not designated to publish about the crisis, so this is a request, and an officer who may has to "
        f"approve it: {waiting_for(facts, weighed.regime, without=frozenset({author}))}.",
    )


def may_speak(facts: Facts, regime: Regime) -> bool:
    """True when the author may publish about a crisis in their own name: designated, or with an approving role."""
    if facts.request.author_kind != "officer":
        return False
    grants = grants_of(facts.control, facts.request.author, facts.now)
    return role_until(grants, APPROVING[regime] | {Role.DESIGNATED}) is not None
