"""Whether those have signed whom the policy asks for at the present posture, over exactly this content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.authority import Officer, Role
from schemas.events.control import Posture
from schemas.events.envelope import APPROVAL_TYPE, CLOCK_SKEW, Envelope, Signature
from schemas.events.passkeys import Assertion, Passkey
from schemas.events.requests import SCHEDULE_GRACE, Request
from schemas.platforms import MIRROR
from services.kernel.authority.passkeys import assertion_fault
from services.kernel.authority.post_authorization.facts import PostFacts, PostViolation
from services.kernel.authority.signing import verified_by
from services.kernel.base.remember import by_identity
from services.kernel.control.control_state import ControlState

EOC_SIGNERS = frozenset({Role.CAO, Role.MCPE, Role.PIO, Role.EOC_DIRECTOR})
CRISIS_SIGNERS = frozenset({Role.MCPE, Role.PIO, Role.COMMS_OFFICE})
ROUTINE_SIGNERS = frozenset({Role.MCPE, Role.COMMS_OFFICE})
ALL_DEPARTMENTS_SIGNERS = frozenset({Role.PIO, Role.MCPE})


@dataclass(frozen=True)
class _Signed:
    officer: str
    key: str
    roles: frozenset[Role]


def signature_violations(facts: PostFacts) -> Iterator[PostViolation]:
    """Yield whose signature is missing, or speaks against it.

    Only in routine, where publishers are for some profiles, does that differ between the profiles of a message.
    """
    if facts.control.posture is Posture.ROUTINE and not _under_eoc(facts):
        yield from _signatures(facts)
    else:
        yield from _for_any_profile(facts.request, facts.approvals, facts.control, facts.now, facts.realm)


@by_identity(64)
def _for_any_profile(
    request: Request, approvals: tuple[Approval, ...], control: ControlState, now: datetime, realm: str
) -> tuple[PostViolation, ...]:
    facts = PostFacts(
        request=request,
        verdict=None,
        verdict_seq=0,
        approvals=approvals,
        control=control,
        profile_id="",
        rendering_sha256="",
        control_seq=0,
        now=now,
        realm=realm,
    )
    return tuple(_signatures(facts))


def _signatures(facts: PostFacts) -> Iterator[PostViolation]:
    signed: list[_Signed] = []
    for officer, approval in {item.officer: item for item in facts.approvals}.items():
        roles = _counting_roles(facts, officer)
        if not roles:
            continue
        statement = _genuine(facts, approval)
        if statement is None and _was_approved(facts, approval):
            continue
        if statement is None:
            yield PostViolation(
                "warrant.approval_doubtful",
                f"The answer of {officer} on record is not genuine or cannot be read: it counts as a no.",
            )
        elif statement.revision != facts.request.revision:
            continue
        elif statement.decision == "reject":
            yield PostViolation("warrant.rejected", f"{officer} rejected it: {statement.reason or 'no reason given'}.")
        elif statement.decision != "approve":
            yield PostViolation("warrant.returned", f"{officer} returned it: {statement.reason or 'no reason given'}.")
        elif _covers(facts.request, statement) and _as_shown(facts, statement) and _in_time(facts, statement):
            signed.append(_Signed(officer, _key_of(facts, approval), roles))
    yield from _weigh(facts, signed)


def _weigh(facts: PostFacts, signed: list[_Signed]) -> Iterator[PostViolation]:
    if not signed:
        needed = _needed_words(facts)
        yield PostViolation("warrant.no_signature", f"No valid approval by {needed} covers exactly this content.")
    if _all_departments(facts):
        if not facts.control.in_crisis:
            yield PostViolation(
                "warrant.all_departments_routine",
                "All departmental profiles at once are used only in a crisis or under the EOC: 2(iv).",
            )
        if not any(one.roles & ALL_DEPARTMENTS_SIGNERS for one in signed):
            yield PostViolation(
                "warrant.all_departments_signature",
                "All departmental profiles at once need the approval of the pio or the mcpe: 2(iv).",
            )
    if _needs_two(facts) and len({one.key for one in signed}) < 2:
        severity = facts.request.severity or "that nobody named"
        yield PostViolation("warrant.second_approver", f"The severity {severity} needs two approvers here.")


def _needs_two(facts: PostFacts) -> bool:
    """A message that names no severity is taken for the gravest: leaving it out must not save a signature."""
    asked, severity = facts.control.settings.second_approver_severities, facts.request.severity
    return severity in asked or (severity is None and len(asked) > 0)


def _under_eoc(facts: PostFacts) -> bool:
    return _eoc_applies(facts.request, facts.control)


def _eoc_applies(request: Request, control: ControlState) -> bool:
    return control.under_eoc or request.submitted_posture in (Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE)


def _counting_roles(facts: PostFacts, officer: str) -> frozenset[Role]:
    return counting_roles(facts.request, facts.profile_id, facts.control, officer, facts.now)


def counting_roles(
    request: Request, profile: str, control: ControlState, officer: str, now: datetime
) -> frozenset[Role]:
    """Return the roles of an officer that count for a request on a profile at a time."""
    held = control.roles_of(officer, now)
    if _eoc_applies(request, control):
        return held & EOC_SIGNERS
    if control.posture is Posture.CRISIS:
        return held & CRISIS_SIGNERS
    if control.posture is not Posture.ROUTINE:
        return frozenset()
    counting = held & ROUTINE_SIGNERS
    wanted = {*request.targets} if profile == MIRROR else {profile, *request.targets}
    delegated = all(control.may_publish_to(officer, name, now) for name in wanted)
    if delegated and (not request.crisis or Role.DESIGNATED in held):
        counting |= {Role.PUBLISHER}
    return counting


def _needed_words(facts: PostFacts) -> str:
    if _under_eoc(facts):
        return "the cao, mcpe, pio or eoc_director, as 2(iii) asks,"
    if facts.control.posture is Posture.CRISIS:
        return "the mcpe, pio or comms_office, as 2(i) asks,"
    publisher = "designated publisher" if facts.request.crisis else "publisher"
    return f"the mcpe, comms_office or a {publisher} of every profile asked for"


def _all_departments(facts: PostFacts) -> bool:
    request = facts.request
    return request.scope == "all-departments" or _covers_all(facts.control, request.targets)


@by_identity(256)
def _covers_all(control: ControlState, targets: tuple[str, ...]) -> bool:
    return control.covers_all_departments(targets)


def _genuine(facts: PostFacts, approval: Approval) -> ApprovalStatement | None:
    """Return the statement if a key of the officer's own signed it, for this realm and request; else None."""
    statement = _in_place(facts, approval)
    return statement if statement is not None and _key_of(facts, approval) else None


def _was_approved(facts: PostFacts, approval: Approval) -> bool:
    """True for a yes by a key that its officer had and may not sign with any more.

    It stands for nothing: neither for a yes, nor for a no that would hold back what others have approved. A no whose
    key is gone, and what none of their keys ever signed, is not meant: it still holds the post back.
    """
    statement = _in_place(facts, approval)
    return statement is not None and statement.decision == "approve" and _was_signed(facts.control, approval)


def _in_place(facts: PostFacts, approval: Approval) -> ApprovalStatement | None:
    """Return the statement if it is of this realm, request and officer, whoever signed it; else None."""
    statement, request_id = _statement(approval.envelope), facts.request.request_id
    if statement is None:
        return None
    said = (approval.request_id, statement.request_id, statement.officer, statement.realm)
    return statement if said == (request_id, request_id, approval.officer, facts.realm) else None


def _was_signed(control: ControlState, approval: Approval) -> bool:
    """True when a key or passkey that its officer has or had signed an approval alone."""
    name, envelope = approval.officer, approval.envelope
    if isinstance(envelope.signatures[0], Signature):
        signed = verified_by(envelope, APPROVAL_TYPE)
        return len(signed) == 1 and signed <= {key for key, _ in control.former_keys.get(name, ())}
    taken_back = [one.passkey for one in control.former_passkeys if one.officer == name]
    return bool(_passkey(envelope, [*(control.officers[name].passkeys or ()), *taken_back]))


def _key_of(facts: PostFacts, approval: Approval) -> str:
    """Return the key or passkey of its officer that signed an approval alone; empty where none did."""
    control, name = facts.control, approval.officer
    demanding = control.settings.device_bound_roles or ()
    bound = bool(demanding) and not control.roles_of(name, facts.now).isdisjoint(demanding)
    return _signer(approval.envelope, control.officers[name], bound)


@by_identity(1_024)
def _signer(envelope: Envelope, officer: Officer, bound: bool) -> str:
    """Return which key of an officer signed; ``bound``: no passkey that can be copied. The answer is remembered."""
    if isinstance(envelope.signatures[0], Signature):
        return officer.public_key or "" if verified_by(envelope, APPROVAL_TYPE) == {officer.public_key} else ""
    return _passkey(envelope, [one for one in officer.passkeys or () if one.device_bound or not bound])


def _passkey(envelope: Envelope, passkeys: list[Passkey]) -> str:
    """Return which passkey signed an envelope, alone; empty where none did."""
    if len(envelope.signatures) != 1 or envelope.payload_type != APPROVAL_TYPE:
        return ""
    signature = envelope.signatures[0]
    for passkey in passkeys:
        if isinstance(signature, Assertion) and not assertion_fault(signature, passkey, envelope.signed_bytes()):
            return passkey.credential
    return ""


@by_identity(1_024)
def _statement(envelope: Envelope) -> ApprovalStatement | None:
    """Return what an envelope says, whoever signed it; None if it cannot be read."""
    try:
        return ApprovalStatement.from_bytes(envelope.payload_bytes())
    except ValueError:
        return None


@by_identity(512)
def _covers(request: Request, statement: ApprovalStatement) -> bool:
    renderings = {rendering.platform: rendering.sha256 for rendering in request.renderings}
    return (
        statement.digest == request.digest
        and statement.renderings == renderings
        and statement.scope == request.scope
        and sorted(statement.targets) == sorted(request.targets)
    )


def _as_shown(facts: PostFacts, statement: ApprovalStatement) -> bool:
    """True when the request is, beside its content, what the signer saw: nobody signed the request itself."""
    if statement.rule is None:
        return not facts.control.ruled
    request = facts.request
    shown = (statement.author, statement.crisis, statement.severity, statement.request_expires_at)
    chain = (statement.replaces, statement.follows, statement.not_before)
    return shown == (request.author, request.crisis, request.severity, request.expires_at) and chain == (
        request.replaces,
        request.follows,
        request.not_before,
    )


def _in_time(facts: PostFacts, statement: ApprovalStatement) -> bool:
    longest = statement.issued_at + timedelta(seconds=facts.control.settings.approval_seconds)
    if facts.request.not_before is not None:  # an approval of what is scheduled lasts until that
        longest = max(longest, facts.request.not_before + SCHEDULE_GRACE)
    return statement.issued_at <= facts.now + CLOCK_SKEW and facts.now < min(statement.expires_at, longest)
