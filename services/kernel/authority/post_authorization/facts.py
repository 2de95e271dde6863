"""What post authorization is asked with, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from schemas.events.approvals import Approval
from schemas.events.requests import Request
from schemas.events.verdicts import Verdict
from services.kernel.control.control_state import ControlState


class PostFacts(NamedTuple):
    """What the answer hangs on, as the ledger has it.

    ``approvals`` holds each officer's last statement on the request. ``rendering_sha256`` is the hash of the
    very bytes that would be posted, ``control_seq`` the control revision that the attempt is fenced on,
    ``realm`` the realm that the worker (or the audit) works in, ``now`` the time of the call in UTC. ``returned_by``:
    who returned an earlier revision.
    """

    request: Request
    verdict: Verdict | None
    verdict_seq: int
    approvals: tuple[Approval, ...]
    control: ControlState
    profile_id: str
    rendering_sha256: str
    control_seq: int
    now: datetime
    realm: str
    returned_by: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PostViolation:
    """One reason why it may not be posted: a stable code, and a sentence for people."""

    code: str
    message: str
