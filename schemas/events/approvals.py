"""Approvals: an officer's signed statement over the digest of a request's renderings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from schemas.events.authority import Realm, Severity
from schemas.events.base import Contract, Id, Sha256, Utc
from schemas.events.envelope import Envelope


class ApprovalStatement(Contract):
    """The payload that is signed. ``renderings`` maps each platform to the hash of its rendering.

    ``decision``: a rejection is final; what is returned waits for a new revision, by somebody else than its officer.

    ``acknowledged`` lists the codes of the screening findings that the officer saw and accepts. ``rule`` 2: an
    approval covers ``author``, ``crisis``, ``severity``, ``request_expires_at``, ``replaces``, ``follows`` and
    ``not_before`` too, as the officer saw them, and counts only for a request that has the same. Without it, it was
    signed before version 0.3, and counts until the first order of rule 2 stands (``schemas.events.control.Ordered``).
    An approval of what is scheduled may last until that.
    """

    realm: Realm
    request_id: Id
    revision: int
    decision: Literal["approve", "reject", "return"]
    scope: Literal["profiles", "all-departments"]
    targets: tuple[Id, ...]
    renderings: dict[Id, Sha256]
    digest: Sha256
    officer: Id
    issued_at: Utc
    expires_at: Utc
    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    acknowledged: tuple[Id, ...] = ()
    reason: Annotated[str, StringConstraints(max_length=500)] = ""
    rule: Literal[2] | None = None
    author: Id | None = None
    crisis: bool | None = None
    severity: Severity | None = None
    request_expires_at: Utc | None = None
    replaces: Id | None = None
    follows: Id | None = None
    not_before: Utc | None = None


class Approval(Contract):
    """``ledger.approval.<request_id>.<officer>``: the officer's last statement on a request counts."""

    type: Literal["approval"] = "approval"
    at: Utc
    request_id: Id
    officer: Id
    envelope: Envelope
