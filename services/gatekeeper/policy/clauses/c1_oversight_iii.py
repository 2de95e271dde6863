"""1 Oversight (iii): in routine a publisher clears content for the profiles that were delegated to them."""

from __future__ import annotations

from schemas.events.authority import Role
from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed, Weight
from services.gatekeeper.policy.authority import Regime, delegated_until, not_delegated, role_until
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import noted, satisfied
from services.gatekeeper.policy.wording import both

CLAUSE = "1 Oversight (iii)"
_PUBLISHER = frozenset({Role.PUBLISHER})


def judge(facts: Facts, weighed: Weighed) -> tuple[Finding, ...]:
    """Say which signatures clear by delegation, and why a publisher's signature does not."""
    if weighed.regime is not Regime.ROUTINE:
        return ()
    clearing = [w.officer for w in weighed.counting if by_delegation(w, facts)]
    findings = [_why_not(w, facts) for w in weighed.idle if role_until(w.grants, _PUBLISHER) is not None]
    if clearing:
        targets = both(facts.request.targets)
        findings.insert(
            0, satisfied(CLAUSE, f"{both(clearing)} may publish to {targets} by delegation, and signed it.")
        )
    return tuple(findings)


def by_delegation(weight: Weight, facts: Facts) -> bool:
    """True when every profile asked for is delegated to the officer."""
    return delegated_until(weight.grants, facts.request.targets) is not None


def _why_not(weight: Weight, facts: Facts) -> Finding:
    missing = not_delegated(weight.grants, facts.request.targets)
    if missing:
        return noted(CLAUSE, f"{weight.officer} is a publisher, but not of {both(missing)}.")
    return noted(
        CLAUSE,
        f"{weight.officer} is a publisher of these profiles, but is not designated to publish about a crisis (2(ii)).",
    )
