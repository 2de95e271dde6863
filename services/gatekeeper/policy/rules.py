"""The rule table: every clause that the gate asks, in the order in which people read the findings."""

from __future__ import annotations

from typing import Protocol

from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.clauses import (
    c1_oversight_iii,
    c1_transparency_i,
    c1_transparency_ii_iii,
    c2_i,
    c2_ii,
    c2_iii,
    c2_iv,
    c3_iv_c,
    definitions,
    following,
    integrity,
    rejection,
    returned,
    setting_expiry,
    setting_hold,
    setting_schedule,
    setting_second_approver,
    withdrawn,
)
from services.gatekeeper.policy.facts import Facts


class Rule(Protocol):
    """A clause: a module of ``clauses``, or anything of its shape."""

    @property
    def CLAUSE(self) -> str:  # noqa: N802 - the modules' constant
        """The stable label, as in docs/policy.md."""
        ...

    def judge(self, facts: Facts, weighed: Weighed) -> Finding | tuple[Finding, ...] | None:
        """Return what the clause says of the facts; must not raise."""
        ...


RULES: tuple[Rule, ...] = (
    integrity,
    withdrawn,
    following,
    rejection,
    returned,
    setting_expiry,
    setting_schedule,
    setting_hold,
    c1_transparency_i,
    definitions,
    c2_iii,
    c2_i,
    c2_ii,
    c2_iv,
    c1_oversight_iii,
    c3_iv_c,
    setting_second_approver,
    c1_transparency_ii_iii,
)

AUTHORISING = frozenset({c2_iii.CLAUSE, c2_i.CLAUSE, c1_oversight_iii.CLAUSE, c3_iv_c.CLAUSE})
"""The clauses that can give the authority to publish. Without a yes of one of them nothing is cleared."""
