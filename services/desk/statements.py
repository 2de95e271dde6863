"""What an officer signs at the desk: approvals over a digest, and orders that change control.

Both are DSSE envelopes by the officer's own key or passkey, valid for a while, once (the nonce), in one realm: a
statement is made here, signed by ``kernel.authority.statements.signed`` or a browser, and put into its event here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from schemas import unseen
from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.authority import Realm, Severity
from schemas.events.control import Action, Order
from schemas.events.dead import DeadLetterStatement, DeadLetterView
from schemas.events.desk import PreviewReply
from schemas.events.envelope import Envelope
from schemas.events.outside import Acknowledgement, AcknowledgementStatement, OutsideView
from schemas.events.requests import SCHEDULE_GRACE, Rendering, Request, ScreeningFinding, digest_of
from schemas.events.resolutions import DecisionName, Resolution, ResolutionStatement
from services.kernel.base.errors import Refused

ORDER_SECONDS = 120
"""How long an order of the desk may be carried out: it is sent at once (the kernel allows five minutes)."""


@dataclass(frozen=True)
class Circumstances:
    """What the policy reads of a request beside its content, as the officer knows it: the signature covers it too."""

    author: str
    crisis: bool
    severity: Severity | None
    expires_at: datetime
    replaces: str | None = None
    follows: str | None = None
    not_before: datetime | None = None

    @classmethod
    def shown(cls, request: Request | PreviewReply) -> Circumstances:
        """Return those of a request that the officer was shown."""
        return cls(
            request.author,
            request.crisis,
            request.severity,
            request.expires_at,
            request.replaces,
            request.follows,
            request.not_before,
        )


def order_statement(realm: Realm, officer: str, action: Action, now: datetime) -> Order:
    """Return an order to change control, to be signed."""
    return Order(
        realm=realm,
        officer=officer,
        action=action,
        issued_at=now,
        expires_at=now + timedelta(seconds=ORDER_SECONDS),
        nonce=secrets.token_hex(16),
    )


def approval(statement: ApprovalStatement, envelope: Envelope) -> Approval:
    """Return the event that carries a signed decision."""
    return Approval(
        at=statement.issued_at, request_id=statement.request_id, officer=statement.officer, envelope=envelope
    )


def decision_statement(
    request: Request | PreviewReply,
    known: Circumstances,
    *,
    realm: Realm,
    officer: str,
    verb: Literal["approve", "reject", "return"],
    now: datetime,
    lifetime: timedelta,
    reason: str = "",
) -> ApprovalStatement:
    """Return an officer's decision over exactly the renderings of a request and its circumstances, to be signed.

    The digest is computed here from the renderings, not taken from the reply: what the officer was shown is
    what is signed.

    Raises:
        Refused: ``digest.mismatch`` when the digest in the reply is not that of its renderings.
    """
    digest = checked_digest(request)
    until = now + lifetime
    if verb == "approve" and known.not_before is not None:
        until = max(until, known.not_before + SCHEDULE_GRACE)
    return ApprovalStatement(
        realm=realm,
        request_id=request.request_id,
        revision=request.revision,
        decision=verb,
        scope=request.scope,
        targets=request.targets,
        renderings={rendering.platform: rendering.sha256 for rendering in request.renderings},
        digest=digest,
        officer=officer,
        issued_at=now,
        expires_at=until,
        nonce=secrets.token_hex(16),
        acknowledged=codes(request.screening) if verb == "approve" else (),
        reason=reason,
        rule=2,
        author=known.author,
        crisis=known.crisis,
        severity=known.severity,
        request_expires_at=known.expires_at,
        replaces=known.replaces,
        follows=known.follows,
        not_before=known.not_before,
    )


def resolved(statement: ResolutionStatement, envelope: Envelope) -> Resolution:
    """Return the event that carries a signed decision on an unconfirmed post."""
    return Resolution(
        at=statement.issued_at,
        request_id=statement.request_id,
        revision=statement.revision,
        profile=statement.profile,
        officer=statement.officer,
        envelope=envelope,
    )


def resolution_statement(
    request: Request,
    *,
    realm: Realm,
    officer: str,
    profile: str,
    receipt_seq: int,
    choice: DecisionName,
    url: str | None,
    now: datetime,
) -> ResolutionStatement:
    """Return an officer's decision on an unconfirmed post, to be signed.

    Raises:
        pydantic.ValidationError: the address is none, or does not belong to the choice.
    """
    return ResolutionStatement(
        realm=realm,
        request_id=request.request_id,
        revision=request.revision,
        profile=profile,
        receipt_seq=receipt_seq,
        decision=choice,
        url=url,
        officer=officer,
        issued_at=now,
        expires_at=now + timedelta(seconds=ORDER_SECONDS),
        nonce=secrets.token_hex(16),
    )


def acknowledgement_statement(
    view: OutsideView, *, realm: Realm, officer: str, reason: str, now: datetime
) -> AcknowledgementStatement:
    """Return that an officer has seen an outside post, to be signed."""
    return AcknowledgementStatement(
        realm=realm,
        outside=view.post.outside,
        profile=view.post.profile,
        seq=view.seq,
        reason=reason,
        officer=officer,
        issued_at=now,
        expires_at=now + timedelta(seconds=ORDER_SECONDS),
        nonce=secrets.token_hex(16),
    )


def dead_letter_statement(
    view: DeadLetterView,
    order: Literal["again", "drop"],
    *,
    realm: Realm,
    officer: str,
    now: datetime,
    reason: str | None = None,
) -> DeadLetterStatement:
    """Return what is to be done with a dead letter that the officer was shown, to be signed."""
    return DeadLetterStatement(
        realm=realm,
        order=order,
        letter=view.letter,
        subject=view.subject,
        seq=view.seq,
        reason=reason,
        officer=officer,
        issued_at=now,
        expires_at=now + timedelta(seconds=ORDER_SECONDS),
        nonce=secrets.token_hex(16),
    )


def acknowledged(statement: AcknowledgementStatement, envelope: Envelope) -> Acknowledgement:
    """Return the event that carries a signed acknowledgement."""
    return Acknowledgement(
        at=statement.issued_at,
        outside=statement.outside,
        profile=statement.profile,
        officer=statement.officer,
        envelope=envelope,
    )


def checked_digest(request: Request | PreviewReply) -> str:
    """Return the digest over the renderings' own bytes; raises Refused ``digest.mismatch``, ``rendering.unseen``."""
    computed = tuple(Rendering.of(rendering.content()) for rendering in request.renderings)
    digest = digest_of(request.request_id, request.revision, computed)
    if computed != request.renderings or digest != request.digest:
        raise Refused(
            "digest.mismatch",
            f"what {request.request_id} shows is not what its digest covers; nothing was signed",
            "do not approve it; onevoice doctor, and have the record verified: onevoice audit verify",
        )
    _check_seen(request)
    return digest


def _check_seen(request: Request | PreviewReply) -> None:
    """Refuse to sign what a screen does not show."""
    for rendering in request.renderings:
        for text in rendering.content().texts:
            if found := unseen.in_text(text):
                raise Refused(
                    "rendering.unseen",
                    f"{request.request_id} has characters for {rendering.platform} that no screen shows: "
                    f"{unseen.named(found)}; nothing was signed",
                    f"reject it: onevoice reject {request.request_id}; and look who wrote it: onevoice audit verify",
                )


def codes(screening: Iterable[ScreeningFinding]) -> tuple[str, ...]:
    """Return the codes that an approval acknowledges, each once."""
    return tuple(dict.fromkeys(finding.code for finding in screening))
