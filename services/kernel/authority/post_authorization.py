"""The warrant: whether one post may go out now, judged at the last hop, in code of its own.

The gate decides by its policy; this module looks at the same facts once more and shares no code with it, so
that one mistake in either is not enough to publish. The posting worker asks just before the platform call,
the audit for each attempt on record. ``objections`` is pure: no clock, no I/O; an empty answer means that it
may be posted.

Source: HUM.11(A) section 2(i)-(iv), section 1 Oversight (iii) and Transparency (i), section 3(iv)(c);
design.md, sections "The flow" and "Invariants" 1 to 3 and 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import canonical
from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.authority import Role
from schemas.events.control import Posture
from schemas.events.envelope import APPROVAL_TYPE, CLOCK_SKEW, Envelope
from schemas.events.requests import PlatformContent, Rendering, Request, digest_of
from schemas.events.verdicts import Outcome, Verdict
from schemas.platforms import MIRROR, WEBSITE
from services.kernel.authority.signing import verified_by
from services.kernel.authority.visible import unseen_in
from services.kernel.base.remember import by_identity
from services.kernel.control.control_state import ControlState

EOC_SIGNERS = frozenset({Role.CAO, Role.MCPE, Role.PIO, Role.EOC_DIRECTOR})
CRISIS_SIGNERS = frozenset({Role.MCPE, Role.PIO, Role.COMMS_OFFICE})
ROUTINE_SIGNERS = frozenset({Role.MCPE, Role.COMMS_OFFICE})
ALL_DEPARTMENTS_SIGNERS = frozenset({Role.PIO, Role.MCPE})

EXPIRED = frozenset({"warrant.request_expired", "warrant.verdict_expired"})
"""The codes that mean: too late, as opposed to: not allowed."""


@dataclass(frozen=True)
class WarrantFacts:
    """What the answer hangs on, as the ledger has it.

    ``approvals`` holds each officer's last statement on the request. ``rendering_sha256`` is the hash of the
    very bytes that would be posted, ``control_seq`` the control revision that the attempt is fenced on,
    ``realm`` the realm that the worker (or the audit) works in, ``now`` the time of the call in UTC.
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


@dataclass(frozen=True)
class Objection:
    """One reason why it may not be posted: a stable code, and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True)
class _Signed:
    officer: str
    key: str
    roles: frozenset[Role]


def objections(facts: WarrantFacts) -> tuple[Objection, ...]:
    """Return all reasons why this profile may not get this post now; empty means that it may.

    Never raises: a check that fails on what it finds is an objection, ``warrant.surprise``.
    """
    found: list[Objection] = []
    for check in _CHECKS:
        try:
            found.extend(check(facts))
        except Exception as error:  # noqa: BLE001 - whatever a check stumbles over must hold the post back
            name = check.__name__.strip("_").replace("_", " ")
            found.append(Objection("warrant.surprise", f"The check of the {name} broke off: {error!r}."))
    return tuple(found)


def _realm(facts: WarrantFacts) -> Iterator[Objection]:
    realms = {facts.realm, facts.request.realm, facts.control.realm}
    if len(realms) != 1 or facts.control.seq == 0:
        yield Objection(
            "warrant.realm",
            f"The request is of the realm {facts.request.realm}, control of {facts.control.realm or 'none'}, "
            f"and the posts go to {facts.realm}.",
        )


def _verdict(facts: WarrantFacts) -> Iterator[Objection]:
    verdict, request = facts.verdict, facts.request
    if verdict is None or facts.verdict_seq <= 0:
        yield Objection("warrant.no_verdict", f"No verdict stands on {request.request_id}.")
        return
    if verdict.outcome is not Outcome.CLEARED:
        yield Objection("warrant.not_cleared", f"The last verdict on {request.request_id} is {verdict.outcome}.")
    if (verdict.request_id, verdict.revision) != (request.request_id, request.revision):
        yield Objection(
            "warrant.other_request",
            f"The verdict is on {verdict.request_id} revision {verdict.revision}, "
            f"not on {request.request_id} revision {request.revision}.",
        )
    if verdict.digest != request.digest:
        yield Objection("warrant.verdict_digest", "The verdict is on other content than the request's.")
    if verdict.valid_until is None:
        yield Objection("warrant.verdict_endless", "The cleared verdict names no end of its validity.")
    elif verdict.valid_until <= facts.now:
        yield Objection("warrant.verdict_expired", f"The clearance ended at {verdict.valid_until:%H:%M:%S} UTC.")


def _control(facts: WarrantFacts) -> Iterator[Objection]:
    decided = facts.verdict.control_seq if facts.verdict else facts.control_seq
    if not decided == facts.control_seq == facts.control.seq:
        yield Objection(
            "warrant.control_changed",
            f"Decided at control revision {decided}, attempted at {facts.control_seq}, "
            f"and revision {facts.control.seq} is in force.",
        )
    if facts.control.hold:
        yield Objection("warrant.hold", "The stop button is on: nothing is posted.")
    if facts.request.request_id in facts.control.withdrawn:
        reason = facts.control.withdrawn[facts.request.request_id]
        yield Objection("warrant.withdrawn", f"The request was withdrawn: {reason}.")


def _time(facts: WarrantFacts) -> Iterator[Objection]:
    if facts.request.expires_at <= facts.now:
        yield Objection(
            "warrant.request_expired",
            f"The request expired at {facts.request.expires_at:%Y-%m-%d %H:%M:%S} UTC.",
        )


def _profile(facts: WarrantFacts) -> Iterator[Objection]:
    name = facts.profile_id
    if name == MIRROR:
        return  # the city's own website, no profile of anybody
    profile = facts.control.profiles.get(name)
    if profile is None:
        yield Objection("warrant.profile_unknown", f"There is no profile {name}.")
        return
    if not profile.official:
        yield Objection("warrant.profile_not_official", f"{name} is not an official profile.")
    statements = {
        "purpose": profile.purpose,
        "identification of the city": profile.identification,
        "disclosure": profile.disclosure,
    }
    missing = [what for what, text in statements.items() if not text.strip()]
    if missing:
        yield Objection("warrant.profile_statements", f"{name} does not carry its {' and '.join(missing)} statement.")


def _targets(facts: WarrantFacts) -> Iterator[Objection]:
    if facts.profile_id == MIRROR:
        yield from _mirror(facts)
        return
    if facts.profile_id not in _set_of(facts.request.targets):
        yield Objection("warrant.not_a_target", f"{facts.profile_id} is not a target of the request.")
    if facts.verdict is not None and facts.profile_id not in _set_of(facts.verdict.targets):
        yield Objection("warrant.not_cleared_for", f"The verdict does not clear {facts.profile_id}.")


def _mirror(facts: WarrantFacts) -> Iterator[Objection]:
    """The website shows a message that goes to official profiles elsewhere (section 1, Transparency (i) and (ii))."""
    if facts.verdict is None or not facts.verdict.mirror:
        yield Objection("warrant.not_cleared_for", "The verdict does not clear the website's mirror.")
    profiles = [facts.control.profiles.get(name) for name in facts.request.targets]
    if not any(profile is not None and profile.official for profile in profiles):
        yield Objection("warrant.not_a_target", "The request goes to no official profile that it could mirror.")


def _content(facts: WarrantFacts) -> Iterator[Objection]:
    yield from _bytes(facts.request)
    profile = facts.control.profiles.get(facts.profile_id)
    if facts.profile_id == MIRROR:
        yield from _rendering(facts, WEBSITE)
    elif profile is not None:
        yield from _rendering(facts, profile.platform)


@by_identity(256)
def _set_of(targets: tuple[str, ...]) -> frozenset[str]:
    return frozenset(targets)


@by_identity(256)
def _bytes(request: Request) -> tuple[Objection, ...]:
    """Check a request's renderings against their hashes, and these against the digest; remembered per request."""
    found: list[Objection] = []
    platforms = [rendering.platform for rendering in request.renderings]
    if len(set(platforms)) != len(platforms):
        found.append(Objection("warrant.renderings_twice", "The request has two renderings for one platform."))
    for one in request.renderings:
        if canonical.sha256(one.body.encode()) != one.sha256:
            message = f"The {one.platform} rendering's bytes do not match their hash."
            found.append(Objection("warrant.body_hash", message))
    if digest_of(request.request_id, request.revision, request.renderings) != request.digest:
        found.append(Objection("warrant.digest", "The request's digest is not that of its renderings."))
    return tuple(found)


def _rendering(facts: WarrantFacts, platform: str) -> Iterator[Objection]:
    rendering = rendering_for(facts.request, platform)
    if rendering is None:
        yield Objection("warrant.no_rendering", f"The request has no rendering for {platform}.")
        return
    if rendering.sha256 != facts.rendering_sha256:
        yield Objection("warrant.other_bytes", f"What would be posted is not the request's {platform} rendering.")
    if content_of(rendering).platform != platform:
        yield Objection("warrant.rendering_platform", f"The {platform} rendering holds another platform's content.")
    if hidden := _unseen_in(rendering):
        yield Objection("warrant.unseen", f"The {platform} rendering holds {hidden}, which no approver could see.")


@by_identity(512)
def _unseen_in(rendering: Rendering) -> str:
    return unseen_in(content_of(rendering))


@by_identity(512)
def content_of(rendering: Rendering) -> PlatformContent:
    """Return the content that a rendering's body holds; of the same rendering it is read once."""
    return rendering.content()


def rendering_for(request: Request, platform: str) -> Rendering | None:
    """Return the request's rendering of a platform, if it has one."""
    return next((item for item in request.renderings if item.platform == platform), None)


def _signatures(facts: WarrantFacts) -> Iterator[Objection]:
    signed: list[_Signed] = []
    for officer, approval in {item.officer: item for item in facts.approvals}.items():
        roles = _counting_roles(facts, officer)
        if not roles:
            continue
        statement = _genuine(facts, approval)
        if statement is None:
            yield Objection(
                "warrant.approval_doubtful",
                f"The answer of {officer} on record is not genuine or cannot be read: it counts as a no.",
            )
        elif statement.revision != facts.request.revision:
            continue
        elif statement.decision == "reject":
            yield Objection("warrant.rejected", f"{officer} rejected it: {statement.reason or 'no reason given'}.")
        elif _covers(facts.request, statement) and _as_shown(facts, statement) and _in_time(facts, statement):
            signed.append(_Signed(officer, facts.control.officers[officer].public_key, roles))
    yield from _weigh(facts, signed)


def _weigh(facts: WarrantFacts, signed: list[_Signed]) -> Iterator[Objection]:
    if not signed:
        needed = _needed_words(facts)
        yield Objection("warrant.no_signature", f"No valid approval by {needed} covers exactly this content.")
    if _all_departments(facts):
        if not facts.control.in_crisis:
            yield Objection(
                "warrant.all_departments_routine",
                "All departmental profiles at once are used only in a crisis or under the EOC: 2(iv).",
            )
        if not any(one.roles & ALL_DEPARTMENTS_SIGNERS for one in signed):
            yield Objection(
                "warrant.all_departments_signature",
                "All departmental profiles at once need the approval of the pio or the mcpe: 2(iv).",
            )
    if _needs_two(facts) and len({one.key for one in signed}) < 2:
        severity = facts.request.severity or "that nobody named"
        yield Objection("warrant.second_approver", f"The severity {severity} needs two approvers here.")


def _needs_two(facts: WarrantFacts) -> bool:
    """A message that names no severity is taken for the gravest: leaving it out must not save a signature."""
    asked, severity = facts.control.settings.second_approver_severities, facts.request.severity
    return severity in asked or (severity is None and len(asked) > 0)


def _under_eoc(facts: WarrantFacts) -> bool:
    return _eoc_applies(facts.request, facts.control)


def _eoc_applies(request: Request, control: ControlState) -> bool:
    return control.under_eoc or request.submitted_posture in (Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE)


def _counting_roles(facts: WarrantFacts, officer: str) -> frozenset[Role]:
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


def _needed_words(facts: WarrantFacts) -> str:
    if _under_eoc(facts):
        return "the cao, mcpe, pio or eoc_director, as 2(iii) asks,"
    if facts.control.posture is Posture.CRISIS:
        return "the mcpe, pio or comms_office, as 2(i) asks,"
    publisher = "designated publisher" if facts.request.crisis else "publisher"
    return f"the mcpe, comms_office or a {publisher} of every profile asked for"


def _all_departments(facts: WarrantFacts) -> bool:
    request = facts.request
    return request.scope == "all-departments" or _covers_all(facts.control, request.targets)


@by_identity(256)
def _covers_all(control: ControlState, targets: tuple[str, ...]) -> bool:
    return control.covers_all_departments(targets)


def _genuine(facts: WarrantFacts, approval: Approval) -> ApprovalStatement | None:
    """Return the statement if the officer's own key signed it, for this realm and request; else None."""
    statement = _signed(approval.envelope, facts.control.officers[approval.officer].public_key)
    if statement is None:
        return None
    said = (approval.request_id, statement.request_id, statement.officer, statement.realm)
    request_id = facts.request.request_id
    return statement if said == (request_id, request_id, approval.officer, facts.realm) else None


@by_identity(1_024)
def _signed(envelope: Envelope, public_key: str) -> ApprovalStatement | None:
    """Return what a key signed, and nobody else; None for anything else. The same bytes give the same answer."""
    if verified_by(envelope, APPROVAL_TYPE) != {public_key}:
        return None
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


def _as_shown(facts: WarrantFacts, statement: ApprovalStatement) -> bool:
    """True when the request is, beside its content, what the signer saw: nobody signed the request itself."""
    if statement.rule is None:
        return not facts.control.ruled
    request = facts.request
    shown = (statement.author, statement.crisis, statement.severity, statement.request_expires_at)
    chain = (statement.replaces, statement.follows)
    return shown == (request.author, request.crisis, request.severity, request.expires_at) and chain == (
        request.replaces,
        request.follows,
    )


def _in_time(facts: WarrantFacts, statement: ApprovalStatement) -> bool:
    longest = statement.issued_at + timedelta(seconds=facts.control.settings.approval_seconds)
    return statement.issued_at <= facts.now + CLOCK_SKEW and facts.now < min(statement.expires_at, longest)


_CHECKS: tuple[Callable[[WarrantFacts], Iterator[Objection]], ...] = (
    _realm,
    _verdict,
    _control,
    _time,
    _profile,
    _targets,
    _content,
    _signatures,
)
