"""3(iv)(c): in routine everybody but the mcpe seeks approval for what goes out as the city's content."""

from __future__ import annotations

from schemas.events.authority import Role
from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.authority import Regime, counting_roles, role_until, waiting_for
from services.gatekeeper.policy.clauses.c1_oversight_iii import by_delegation
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import blocked, satisfied
from services.gatekeeper.policy.wording import both

CLAUSE = "3(iv)(c)"
_MCPE = frozenset({Role.MCPE})


def judge(facts: Facts, weighed: Weighed) -> Finding | None:
    """Block in routine until an approval counts; silent where the author publishes by delegation."""
    if weighed.regime is not Regime.ROUTINE:
        return None
    author = facts.request.author
    own = next((weight for weight in weighed.counting if weight.officer == author), None)
    if own is not None and role_until(own.grants, _MCPE) is not None:
        return satisfied(CLAUSE, f"{author} is the mcpe and signed it, and needs nobody else's approval.")
    if own is not None and by_delegation(own, facts):
        return None
    if weighed.counting:
        by = both(weight.officer for weight in weighed.counting)
        return satisfied(CLAUSE, f"Approved by {by}.")
    needed = counting_roles(weighed.regime, crisis=facts.request.crisis)
    return blocked(
        CLAUSE,
        f"What {author} wants to publish as the city's content needs an approval by {needed}: "
        f"{waiting_for(facts, weighed.regime)}.",
    )
