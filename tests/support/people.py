"""What people sign, made in one place: an officer's statement on a request, and the approval event that carries it."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.desk import PreviewReply
from schemas.events.envelope import APPROVAL_TYPE
from schemas.events.requests import Request
from services.kernel.authority.signing import Signer

APPROVAL_LASTS = timedelta(minutes=20)


def statement_on(request: Request | PreviewReply, officer: str, at: datetime, /, **changes: Any) -> ApprovalStatement:
    """Return an officer's approving statement that fits a request (of the live realm, where only its preview is known).

    It is issued at ``at``, lasts 20 minutes and acknowledges all that screening found; ``changes`` replace any field.
    """
    fields: dict[str, Any] = {
        "realm": getattr(request, "realm", "live"),
        "request_id": request.request_id,
        "revision": request.revision,
        "decision": "approve",
        "scope": request.scope,
        "targets": request.targets,
        "renderings": {one.platform: one.sha256 for one in request.renderings},
        "digest": request.digest,
        "officer": officer,
        "issued_at": at,
        "expires_at": at + APPROVAL_LASTS,
        "nonce": secrets.token_hex(16),
        **circumstances_of(request),
        "acknowledged": tuple(sorted({finding.code for finding in request.screening})),
    }
    return ApprovalStatement(**(fields | changes))


def circumstances_of(request: Request | PreviewReply) -> dict[str, Any]:
    """Return the fields of a statement of rule 2 that say what its officer knew of a request beside its content."""
    return {
        "rule": 2,
        "author": request.author,
        "crisis": request.crisis,
        "severity": request.severity,
        "request_expires_at": request.expires_at,
        "replaces": request.replaces,
        "follows": request.follows,
        "not_before": request.not_before,
    }


def approval_of(
    request: Request | PreviewReply, officer: str, signer: Signer, at: datetime, /, **changes: Any
) -> Approval:
    """Return the approval event with an officer's statement, signed by ``signer``; ``changes`` are the statement's."""
    statement = statement_on(request, officer, at, **changes)
    envelope = signer.sign(APPROVAL_TYPE, statement)
    return Approval(at=at, request_id=statement.request_id, officer=statement.officer, envelope=envelope)
