"""The facts that a decision is made of, and nothing else. Whoever calls ``decide`` reads them beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.events.approvals import Approval
from schemas.events.requests import Request
from services.kernel.control.control_state import ControlState


class PolicyFault(Exception):
    """Facts that the policy has no answer for, such as an unknown role or posture: the gate refuses."""


@dataclass(frozen=True, slots=True)
class ApprovalFact:
    """One officer's last statement on a request, as it is in the ledger.

    ``subject`` is the subject that it was found on: its last token must be the officer who signed. ``seq`` is
    its ledger sequence.
    """

    approval: Approval
    seq: int
    subject: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that one decision looks at.

    ``approvals`` holds the last statement of each officer. ``control`` is the fold at the control revision
    that the verdict will name. ``now`` has its offset. ``delivered`` are the profiles that have a final receipt for
    this revision: nothing will be posted there any more. ``replaced_by`` is the cleared correction or recall of this
    request, ``rival`` another one of the request that this one replaces; empty where there is none. ``returned_by``:
    who returned an earlier revision.
    """

    request: Request
    request_seq: int
    approvals: tuple[ApprovalFact, ...]
    control: ControlState
    now: datetime
    delivered: frozenset[str] = frozenset()
    replaced_by: str = ""
    rival: str = ""
    returned_by: frozenset[str] = frozenset()

    @property
    def open_targets(self) -> tuple[str, ...]:
        """The targets that still wait for a post."""
        if not self.delivered:
            return self.request.targets
        return tuple(target for target in self.request.targets if target not in self.delivered)
