"""What people sign, made in one place: orders, statements on a request, and the events that carry them.

``changes`` replace any field of what is signed; ``outer`` those of the event around it.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, Protocol

from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.base import Contract
from schemas.events.control import Order
from schemas.events.dead import DeadLetterOrder, DeadLetterStatement, DeadLetterView
from schemas.events.desk import PreviewReply
from schemas.events.envelope import ACKNOWLEDGEMENT_TYPE, APPROVAL_TYPE, DEAD_LETTER_TYPE, RESOLUTION_TYPE, Envelope
from schemas.events.outside import Acknowledgement, AcknowledgementStatement
from schemas.events.requests import Request
from schemas.events.resolutions import Resolution, ResolutionStatement
from services.kernel.authority.signing import Signer

APPROVAL_LASTS = timedelta(minutes=20)
ORDER_LASTS = timedelta(minutes=2)


class Signs(Protocol):
    """A key of an officer: one in a file, or a passkey."""

    def sign(self, payload_type: str, payload: Contract, /) -> Envelope:
        """Return the payload in an envelope with its signature."""
        ...


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


def order_of(officer: str, action: Any, at: datetime, /, **changes: Any) -> Order:
    """Return an officer's order of the live realm, issued at ``at``; it lasts two minutes."""
    return Order(**({"realm": "live", "officer": officer, "action": action} | _dated(at) | changes))


def resolution_of(
    about: tuple[str, str, int],
    decision: str,
    officer: str,
    key: Signs,
    at: datetime,
    /,
    outer: Any = None,
    **changes: Any,
) -> Resolution:
    """Return an officer's decision about an unconfirmed post: its request, profile and receipt's sequence."""
    request_id, profile, receipt_seq = about
    fields = {"request_id": request_id, "revision": 1, "profile": profile, "receipt_seq": receipt_seq}
    fields |= {"realm": "live", "decision": decision, "officer": officer}
    statement = ResolutionStatement(**(fields | _dated(at) | changes))
    said = {name: getattr(statement, name) for name in ("request_id", "revision", "profile", "officer")}
    return Resolution(at=at, envelope=key.sign(RESOLUTION_TYPE, statement), **(said | (outer or {})))


def acknowledgement_of(
    about: tuple[str, str, int], officer: str, key: Signs, at: datetime, /, outer: Any = None, **changes: Any
) -> Acknowledgement:
    """Return an officer's word about an outside post: its name, profile and sequence."""
    outside, profile, seq = about
    fields = {"outside": outside, "profile": profile, "seq": seq, "reason": "taken down", "realm": "live"}
    statement = AcknowledgementStatement(**(fields | {"officer": officer} | _dated(at) | changes))
    said = {name: getattr(statement, name) for name in ("outside", "profile", "officer")}
    return Acknowledgement(at=at, envelope=key.sign(ACKNOWLEDGEMENT_TYPE, statement), **(said | (outer or {})))


def dead_letter_order_of(
    view: DeadLetterView, order: str, officer: str, key: Signs, at: datetime, /, **changes: Any
) -> DeadLetterOrder:
    """Return an officer's order about a dead letter, as it is shown."""
    fields = {"letter": view.letter, "subject": view.subject, "seq": view.seq, "order": order, "realm": "live"}
    statement = DeadLetterStatement(**(fields | {"officer": officer} | _dated(at) | changes))
    return DeadLetterOrder(officer=officer, envelope=key.sign(DEAD_LETTER_TYPE, statement))


def _dated(at: datetime) -> dict[str, Any]:
    return {"issued_at": at, "expires_at": at + ORDER_LASTS, "nonce": secrets.token_hex(16)}
