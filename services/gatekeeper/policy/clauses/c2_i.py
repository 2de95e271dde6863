"""2(i): in a crisis the communications office manages the profiles, so the office releases what goes out."""

from __future__ import annotations

from schemas.events.authority import Role
from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.authority import OFFICE_IN_CRISIS, Regime, role_until, waiting_for
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import blocked, noted, satisfied
from services.gatekeeper.policy.wording import both

CLAUSE = "2(i)"
_PUBLISHER = frozenset({Role.PUBLISHER})


def judge(facts: Facts, weighed: Weighed) -> Finding | None:
    """In a declared crisis, block until the mcpe, the pio or the comms_office releases it.

    Under the EOC 2(iii) asks for more; then this only says why a department's own publisher does not clear.
    """
    if weighed.regime is Regime.ROUTINE:
        return None
    publishers = [w.officer for w in weighed.idle if role_until(w.grants, _PUBLISHER) is not None]
    alone = f" The signature of {both(publishers)} does not release it now." if publishers else ""
    if weighed.regime is Regime.EOC:
        return noted(CLAUSE, f"The communications office manages the profiles.{alone}") if alone else None
    by = [w.officer for w in weighed.counting if role_until(w.grants, OFFICE_IN_CRISIS) is not None]
    if by:
        return satisfied(CLAUSE, f"Released by {both(by)} of the communications office, as it must be in a crisis.")
    return blocked(
        CLAUSE,
        f"In a declared crisis the communications office manages all profiles.{alone} It takes an approval by the "
        f"mcpe, the pio or the comms_office: {waiting_for(facts, weighed.regime)}.",
    )
