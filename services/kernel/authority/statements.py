"""What people sign (orders, approvals, resolutions), and its one check: by whom, for which realm, when, how often.

The services that take statements (``carry_out``, intake, fanout) read with ``read_signed`` or ``read_sent``, and check
with ``check_signed``; folds ask ``signed_by``. Three look at the same statements in code of their own, so that a
mistake here is not a mistake everywhere: the gate's policy, the post authorization, and the audit's rules, which name
all faults of an entry and not the first. Pure: the state of control and the time are arguments. Source: DSSE v1.0.2.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from schemas import canonical, flow
from schemas.events.approvals import ApprovalStatement
from schemas.events.base import Contract
from schemas.events.control import Order
from schemas.events.dead import DeadLetterStatement
from schemas.events.enrolment import SubmissionStatement
from schemas.events.envelope import (
    ACKNOWLEDGEMENT_TYPE,
    APPROVAL_TYPE,
    CLOCK_SKEW,
    DEAD_LETTER_TYPE,
    ORDER_TYPE,
    RESOLUTION_TYPE,
    SUBMISSION_TYPE,
    Envelope,
)
from schemas.events.outside import AcknowledgementStatement
from schemas.events.passkeys import Assertion
from schemas.events.resolutions import ResolutionStatement
from services.kernel.authority.officer_keys import OfficerKeys
from services.kernel.authority.signing import Signer
from services.kernel.base.errors import BadInput, OneVoiceError, Refused
from services.kernel.base.zones import utc_text

if TYPE_CHECKING:
    from services.kernel.control.control_state import ControlState

Statement = (
    Order
    | ApprovalStatement
    | ResolutionStatement
    | SubmissionStatement
    | AcknowledgementStatement
    | DeadLetterStatement
)
AnyStatement = TypeVar("AnyStatement", bound=Contract)
OfficersStatement = TypeVar(
    "OfficersStatement", ApprovalStatement, ResolutionStatement, AcknowledgementStatement, DeadLetterStatement
)

ORDER_LIFETIME = timedelta(minutes=5)
"""How long an order or a resolution may be valid: it is carried out at once. For approvals the city has a setting."""

_TYPES: dict[type[Contract], str] = {
    Order: ORDER_TYPE,
    ApprovalStatement: APPROVAL_TYPE,
    ResolutionStatement: RESOLUTION_TYPE,
    SubmissionStatement: SUBMISSION_TYPE,
    AcknowledgementStatement: ACKNOWLEDGEMENT_TYPE,
    DeadLetterStatement: DEAD_LETTER_TYPE,
}
_HINTS = {
    "officer_unknown": "onevoice officers list",
    "revoked": "another officer has to decide",
    "realm": "choose the realm with --realm",
}
_ANEW = "give the command again; if that does not help, check this machine's clock"


def hash_of_signed(envelope: Envelope) -> str:
    """Return the hash by which a statement is known again: of what was signed, since anybody can add to an envelope."""
    return canonical.sha256(envelope.payload_bytes())


def speaks_for(sender: str, officer: str, envelope: Envelope) -> bool:
    """Return whether a sender may carry an officer's statement: themselves, or the web service what a passkey signed.

    Whether the signature is good is another question (``check_signed``); no key of the desk is carried by others.
    """
    carried = sender == flow.WEB and all(isinstance(one, Assertion) for one in envelope.signatures)
    return sender == officer or carried


class StatementFault(Exception):
    """Why a signed statement does not count: a stable code (``signature``, ``expired`` ...), a sentence, what to do."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint or _HINTS.get(code, _ANEW)

    def error(self, kind: str) -> OneVoiceError:
        """Return what the sender is told: ``approval.expired`` for the kind ``approval``."""
        family = BadInput if self.code in ("malformed", "times") else Refused
        return family(f"{kind}.{self.code}", self.message, self.hint)


@dataclass(frozen=True)
class Denied:
    """Why an officer has no say: a sentence, and what to do."""

    message: str
    hint: str = ""

    @classmethod
    def lacking(cls, officer: str, asked: str, able: Iterable[str], control: ControlState, now: datetime) -> Denied:
        """Return that an officer's roles are not what is ``asked`` for; ``able``: who could do it now."""
        held, others = ", ".join(sorted(control.roles_of(officer, now))) or "no role", ", ".join(able)
        return cls(
            f"{officer} holds {held}, and {asked}",
            f"it can be done by {others}" if others else "the cao or the mcpe must designate somebody",
        )


@contextmanager
def faults_of(kind: str) -> Iterator[None]:
    """Turn a StatementFault into what the sender is told: ``approval.expired`` for the kind ``approval``."""
    try:
        yield
    except StatementFault as fault:
        raise fault.error(kind) from fault


def read_sent(
    kind: str, officer: str, envelope: Envelope, contract: type[OfficersStatement], sender: str
) -> OfficersStatement:
    """Return what an officer signed, and see that they sent it, and that it is sent as theirs.

    Args:
        kind: the first part of the errors' codes.
        officer: whose it is, says what the envelope came in.
        envelope: as it came in.
        contract: what it has to hold.
        sender: who sent it, says the broker.

    Raises:
        BadInput: ``<kind>.malformed``.
        Refused: ``<kind>.signature``, ``<kind>.sender``.
    """
    with faults_of(kind):
        statement = read_signed(envelope, contract)
    if officer != statement.officer or not speaks_for(sender, statement.officer, envelope):
        raise Refused(
            f"{kind}.sender",
            f"{sender} sent what {statement.officer} signed",
            "officers send their own decisions: --as must be the one who signs",
        )
    return statement


def signed(signer: Signer, statement: Statement) -> Envelope:
    """Return a statement in its envelope, signed by an officer's own key."""
    return signer.sign(_TYPES[type(statement)], statement)


def read_signed(envelope: Envelope, contract: type[AnyStatement]) -> AnyStatement:
    """Return the statement that an envelope holds, before anybody asks who signed it.

    Raises:
        StatementFault: ``malformed``: of another type, not to be read, or not in the canonical form. ``signature``: not
            exactly one, since the same statement must not come in two envelopes that differ.
    """
    if envelope.payload_type != _TYPES[contract]:
        raise StatementFault(
            "malformed", f"the envelope is of the type {envelope.payload_type!r}, not {_TYPES[contract]}"
        )
    if len(envelope.signatures) != 1:
        raise StatementFault("signature", f"it has {len(envelope.signatures)} signatures; an officer signs alone")
    try:
        raw = envelope.payload_bytes()
        statement = contract.from_bytes(raw)
    except ValueError as error:  # StrictJsonError, binascii.Error and pydantic's ValidationError
        raise StatementFault("malformed", "what was signed cannot be read as what it is sent as") from error
    if statement.to_bytes() != raw:
        form = "the canonical form (sorted keys, no white space)"
        raise StatementFault("malformed", f"what was signed is not written in {form}")
    return statement


@lru_cache(maxsize=4_096)
def signed_by(keys: OfficerKeys, envelope: Envelope, contract: type[AnyStatement]) -> AnyStatement | None:
    """Return what one of these keys signed, and nobody else; None for anything else. Each is checked once."""
    return statement_on_record(envelope, contract) if keys.signer_of(envelope, _TYPES[contract]) else None


def statement_on_record(envelope: Envelope, contract: type[AnyStatement]) -> AnyStatement | None:
    """Return what an envelope of the ledger says, whoever signed it; None if it cannot be read."""
    try:
        return contract.from_bytes(envelope.payload_bytes())
    except ValueError:
        return None


def check_signed(
    envelope: Envelope,
    statement: Statement,
    control: ControlState,
    now: datetime,
    *,
    lifetime: timedelta,
    used: Container[str] = (),
    denied: Denied | None = None,
) -> None:
    """Say why a statement does not count now; return when it does.

    Args:
        envelope: as it came in.
        statement: what it holds, as ``read_signed`` or ``read_order`` returned it.
        control: the state of control.
        now: the time in UTC at which it has to be in force.
        lifetime: how long such a statement may be valid.
        used: the nonces of the statements that count already.
        denied: why its officer has no right to it, if the caller found that.

    Raises:
        StatementFault: ``officer_unknown``, ``revoked``, ``signature``, ``realm``, ``future``, ``expired``, ``times``,
            ``too_long``, ``replayed``, ``no_authority``; the first that is found, in this order.
    """
    _check_signer(envelope, statement, control, now)
    if statement.realm != control.realm:
        raise StatementFault("realm", f"it is signed for the realm {statement.realm}, this is {control.realm}")
    _check_time(statement, now, lifetime)
    if statement.nonce in used:
        raise StatementFault("replayed", "this very statement counts already: its nonce was used")
    if denied is not None:
        raise StatementFault("no_authority", denied.message, denied.hint)


def _check_signer(envelope: Envelope, statement: Statement, control: ControlState, now: datetime) -> None:
    name = statement.officer
    if name not in control.officers:
        raise StatementFault("officer_unknown", f"there is no officer {name!r} in {control.city or 'this city'}")
    if name in control.revoked:
        since = control.revoked[name]
        raise StatementFault("revoked", f"the key of {name} is revoked since control revision {since}")
    keys, kind = control.keys_of(name, now), _TYPES[type(statement)]
    if not keys.signer_of(envelope, kind):
        why = keys.fault_of(envelope, kind)
        said = f"it is not signed by {name}'s key alone, over exactly this"
        raise StatementFault("signature", f"{said}: {why}" if why else said)


def _check_time(statement: Statement, now: datetime, lifetime: timedelta) -> None:
    if statement.issued_at - now > CLOCK_SKEW:
        raise StatementFault("future", f"it is dated {utc_text(statement.issued_at)}, ahead of now")
    if statement.expires_at <= statement.issued_at:
        raise StatementFault("times", "it expires before it was issued")
    if statement.expires_at <= now:
        raise StatementFault("expired", f"it expired at {utc_text(statement.expires_at)}")
    if statement.expires_at - statement.issued_at > lifetime:
        until, longest = utc_text(statement.expires_at), lifetime.total_seconds() / 60
        raise StatementFault("too_long", f"it claims to last until {until}; {longest:g} minutes are allowed")
