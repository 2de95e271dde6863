"""2(iii): with the EOC activated, all content needs the approval of one of four."""

from __future__ import annotations

from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.authority import UNDER_EOC, Regime, role_until, waiting_for
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import blocked, satisfied
from services.gatekeeper.policy.wording import both

CLAUSE = "2(iii)"


def judge(facts: Facts, weighed: Weighed) -> Finding | None:
    """Block under the EOC until the cao, the mcpe, the pio or the eoc_director approves.

    It stays so for what was submitted under the EOC after that stands down.
    """
    if weighed.regime is not Regime.EOC:
        return None
    by = [weight.officer for weight in weighed.counting if role_until(weight.grants, UNDER_EOC) is not None]
    active = facts.control.under_eoc
    if by:
        why = "while the EOC is active" if active else "of what was submitted while the EOC was active"
        return satisfied(CLAUSE, f"Approved by {both(by)}, as is asked {why}.")
    why = "While the EOC is active, all content" if active else "What was submitted while the EOC was active"
    return blocked(
        CLAUSE,
        f"{why} needs an approval by the cao, the mcpe, the pio or the eoc_director: "
        f"{waiting_for(facts, weighed.regime)}.",
    )
