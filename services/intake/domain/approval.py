"""Decides whether an officer's signed decision goes on record.

It must be genuine, about exactly this request, in force, and by somebody who may decide. What it is worth by the policy
is the gate's decision; here is refused, with the reason, what could not count in any case. Pure: the request's facts,
the control state and the time are arguments. Source:
HUM.11(A) 1 Oversight (iii), 2(i)-(iv), 3(iv)(c); DSSE v1.0.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.authority import Role
from schemas.events.requests import SCHEDULE_GRACE, Request
from schemas.events.verdicts import Outcome, Verdict
from schemas.roles import CRISIS_APPROVERS, EOC_APPROVERS, OFFICE
from services.intake.domain.text import clean
from services.kernel.authority.circumstances import changed_circumstances
from services.kernel.authority.statements import Denied, check_signed, faults_of, read_sent, statement_on_record
from services.kernel.base.errors import Refused
from services.kernel.base.zones import utc_text
from services.kernel.control.control_state import ControlState


@dataclass(frozen=True)
class RequestContext:
    """What the ledger holds on a request. ``approvals`` are all statements, each with its sequence.

    ``officer_seqs`` is the last sequence on each officer's subject, ``verdict_seq`` that on the verdict's.
    """

    request: Request
    approvals: tuple[tuple[int, Approval], ...] = ()
    verdict: Verdict | None = None
    verdict_seq: int = 0
    officer_seqs: Mapping[str, int] = field(default_factory=dict)

    def repeated(self, approval: Approval) -> int:
        """Return the sequence of this very envelope if it is on record already, else 0."""
        return next((seq for seq, known in self.approvals if known.envelope == approval.envelope), 0)


def read_statement(approval: Approval, sender: str) -> ApprovalStatement:
    """Return the signed statement, after checking that it agrees with its wrapper and that its officer sent it.

    Raises:
        BadInput: ``approval.malformed``.
        Refused: ``approval.sender``, ``approval.request``.
    """
    statement = read_sent("approval", approval.officer, approval.envelope, ApprovalStatement, sender)
    if approval.request_id != statement.request_id:
        raise Refused(
            "approval.request",
            f"the decision is signed for {statement.request_id}, not for {approval.request_id}",
            f"onevoice show {approval.request_id}, and decide on that",
        )
    return statement


def check(
    approval: Approval, statement: ApprovalStatement, context: RequestContext, control: ControlState, now: datetime
) -> None:
    """Check that a decision may go on record; it raises the reason when it may not.

    Args:
        approval: as it came in.
        statement: its payload, as ``read_statement`` returned it.
        context: what the ledger holds on the request.
        control: the control state now.
        now: the time in UTC.

    Raises:
        BadInput: ``approval.times``, ``text.*`` for the reason.
        Refused: ``approval.officer_unknown``, ``.revoked``, ``.signature``, ``.realm``, ``.request``, ``.revision``,
            ``.digest``, ``.targets``, ``.expired``, ``.future``, ``.too_long``, ``.replayed``, ``.no_authority``,
            ``.not_acknowledged``, ``.own_return``; ``request.expired``, ``.withdrawn``, ``.refused``,
            ``.already_cleared``.
    """
    with faults_of("approval"):
        check_signed(
            approval.envelope,
            statement,
            control,
            now,
            lifetime=_lifetime(statement, context.request, control),
            used=_nonces(context),
            denied=_denied(statement, context.request, control, now),
        )
    _check_subject(statement, context.request)
    _check_circumstances(statement, context.request, control)
    _check_open(context, control, now)
    clean(statement.reason, "reason", required=False)
    if statement.decision == "approve":
        _check_acknowledged(statement, context.request)
        return
    name = statement.request_id
    if context.verdict is not None and context.verdict.outcome is Outcome.CLEARED:
        what = "rejection" if statement.decision == "reject" else "return"
        raise Refused(
            "request.already_cleared",
            f"{name} is cleared already, so a {what} comes too late",
            f"take it back: onevoice withdraw {name}",
        )
    if statement.decision == "return" and statement.officer == context.request.author:
        raise Refused(
            "approval.own_return", f"{name} is your own", f"change it yourself: onevoice request --revise {name} TEXT"
        )


def may_decide(request: Request, officer: str, control: ControlState, now: datetime) -> bool:
    """Return whether an officer's decision could count, by role in this posture; the author's needs one too."""
    roles = control.roles_of(officer, now)
    if roles & _counting_roles(request, control):
        return True
    if control.in_crisis or _under_eoc(request, control) or (request.crisis and Role.DESIGNATED not in roles):
        return False
    return all(control.may_publish_to(officer, target, now) for target in request.targets)


def _lifetime(statement: ApprovalStatement, request: Request, control: ControlState) -> timedelta:
    """Return how long a decision may last: an approval of what is scheduled lasts until that."""
    usual = timedelta(seconds=control.settings.approval_seconds)
    if request.not_before is None or statement.not_before != request.not_before:
        return usual
    return max(usual, request.not_before + SCHEDULE_GRACE - statement.issued_at)


def _nonces(context: RequestContext) -> set[str]:
    said = (statement_on_record(known.envelope, ApprovalStatement) for _, known in context.approvals)
    return {one.nonce for one in said if one is not None}


def _check_subject(statement: ApprovalStatement, request: Request) -> None:
    renderings = {rendering.platform: rendering.sha256 for rendering in request.renderings}
    for code, signed, stands, what in (
        ("request", statement.request_id, request.request_id, "the request"),
        ("revision", statement.revision, request.revision, "revision"),
        ("digest", statement.digest, request.digest, "the digest"),
        ("digest", statement.renderings, renderings, "the renderings"),
        ("targets", statement.scope, request.scope, "the scope"),
        ("targets", sorted(statement.targets), sorted(request.targets), "the profiles"),
    ):
        if signed != stands:
            raise Refused(
                f"approval.{code}",
                f"the decision is for {what} {_short(signed)}, and {request.request_id} has {_short(stands)}",
                f"look at it as it is now and decide again: onevoice show {request.request_id}",
            )


def _check_circumstances(statement: ApprovalStatement, request: Request, control: ControlState) -> None:
    """Check what an approval covers beside the content; a no is a no to whatever was shown."""
    if statement.decision != "approve":
        return
    again = f"look at it as it is now and decide again: onevoice show {request.request_id}"
    if statement.rule is None and control.ruled:
        raise Refused(
            "approval.version",
            "it was signed by a desk of before version 0.3, and does not cover severity, author and end",
            "install the version of the city's services on this machine, and approve again",
        )
    differs = statement.rule is not None and [what for what, _, _ in changed_circumstances(statement, request)]
    if differs:
        raise Refused("approval.circumstances", f"the decision is for other facts: {', '.join(differs)}", again)


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{platform} {str(digest)[:12]}" for platform, digest in sorted(value.items()))
    if isinstance(value, list):
        return ", ".join(value[:4]) + (f" and {len(value) - 4} more" if len(value) > 4 else "")
    return str(value)[:20]


def _check_open(context: RequestContext, control: ControlState, now: datetime) -> None:
    request = context.request
    hint = "submit it again if it should still go out"
    if request.request_id in control.withdrawn:
        reason = control.withdrawn[request.request_id]
        raise Refused("request.withdrawn", f"{request.request_id} was withdrawn: {reason}", hint)
    if request.expires_at <= now:
        raise Refused(
            "request.expired",
            f"{request.request_id} expired at {utc_text(request.expires_at)}",
            hint,
        )
    if context.verdict is not None and context.verdict.outcome is Outcome.REFUSED:
        raise Refused("request.refused", f"{request.request_id} is refused already, and that is final", hint)


def _denied(statement: ApprovalStatement, request: Request, control: ControlState, now: datetime) -> Denied | None:
    if may_decide(request, statement.officer, control, now):
        return None
    able = [name for name in sorted(control.officers) if may_decide(request, name, control, now)]
    able = [name for name in able if name != request.author]
    asked = f"{_clause(request, control)} asks for {_needed(request, control)}"
    return Denied.lacking(statement.officer, asked, able, control, now)


def _under_eoc(request: Request, control: ControlState) -> bool:
    return control.under_eoc or request.submitted_posture in ("eoc_activating", "eoc_active")


def _counting_roles(request: Request, control: ControlState) -> frozenset[Role]:
    if _under_eoc(request, control):
        return EOC_APPROVERS
    return CRISIS_APPROVERS if control.in_crisis else OFFICE


def _clause(request: Request, control: ControlState) -> str:
    if _under_eoc(request, control):
        return "2(iii)"
    return "2(i)" if control.in_crisis else "3(iv)(c)"


def _needed(request: Request, control: ControlState) -> str:
    roles = ", ".join(sorted(_counting_roles(request, control)))
    routine = not control.in_crisis and not _under_eoc(request, control)
    publisher = "designated publisher" if request.crisis else "publisher"
    return f"one of {roles}" + (f" or a {publisher} of each profile" if routine else "")


def _check_acknowledged(statement: ApprovalStatement, request: Request) -> None:
    unseen = sorted({finding.code for finding in request.screening} - set(statement.acknowledged))
    if unseen:
        raise Refused(
            "approval.not_acknowledged",
            f"screening found {', '.join(unseen)}, which the approval does not acknowledge",
            f"look at it, and accept it if it is right: onevoice approve {request.request_id} --acknowledge",
        )
