"""Weighs the signed statements on a request: which are genuine, about exactly this, in force, and count."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from schemas import subjects
from schemas.canonical import StrictJsonError
from schemas.events.approvals import ApprovalStatement
from schemas.events.authority import Grant
from schemas.events.envelope import APPROVAL_TYPE, CLOCK_SKEW, Envelope
from schemas.events.requests import SCHEDULE_GRACE, Request
from schemas.events.verdicts import Finding
from services.gatekeeper.policy.authority import Regime, counting_roles, counts_until, grants_of, regime_of
from services.gatekeeper.policy.facts import ApprovalFact, Facts
from services.gatekeeper.policy.findings import noted
from services.gatekeeper.policy.wording import both
from services.kernel.authority.circumstances import changed_circumstances
from services.kernel.base.zones import utc_text

CLAUSE = "approval"

_KINDS = {"approve": "approval", "reject": "rejection", "return": "return"}


@dataclass(frozen=True, slots=True)
class Weight:
    """A genuine statement about exactly this request, by an officer with these grants and this key.

    ``until`` is when (exclusive) it stops counting as things stand now; None: it does not count.
    """

    officer: str
    key: str
    statement: ApprovalStatement
    seq: int
    grants: tuple[Grant, ...]
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the statements are worth, in the order of the ledger.

    ``counting`` are approvals in force by officers whose word counts in the regime; ``idle`` are approvals in force by
    others; ``rejections`` and ``returns`` are those whose word counts. ``notes`` says in plain words what is worth
    nothing, and why.
    """

    regime: Regime
    counting: tuple[Weight, ...] = ()
    idle: tuple[Weight, ...] = ()
    rejections: tuple[Weight, ...] = ()
    returns: tuple[Weight, ...] = ()
    notes: tuple[Finding, ...] = ()


def weigh(facts: Facts) -> Weighed:
    """Weigh the last statement of each officer.

    Raises:
        PolicyFault: a role or posture that is not in the policy.
    """
    regime = regime_of(facts.request, facts.control)
    counting: list[Weight] = []
    idle: list[Weight] = []
    noes: list[Weight] = []
    notes: list[Finding] = []
    for fact in _last_of_each(facts.approvals):
        weight, fault = _weigh_one(fact, facts, regime)
        if weight is None or fault:
            notes.append(noted(CLAUSE, fault))
        elif weight.statement.decision != "approve":
            noes.append(weight)
        else:
            (idle if weight.until is None else counting).append(weight)
    powerless = [weight for weight in (*idle, *noes) if weight.until is None]
    notes += [noted(CLAUSE, _no_weight(weight, facts.request, regime)) for weight in powerless]
    final = tuple(one for one in noes if one.until is not None and one.statement.decision == "reject")
    returns = tuple(one for one in noes if one.until is not None and one.statement.decision == "return")
    return Weighed(regime, tuple(counting), tuple(idle), final, returns, tuple(notes))


def _last_of_each(approvals: tuple[ApprovalFact, ...]) -> Sequence[ApprovalFact]:
    if len(approvals) < 2:
        return approvals
    last = {fact.subject: fact for fact in sorted(approvals, key=lambda fact: fact.seq)}
    return sorted(last.values(), key=lambda fact: fact.seq)


def _weigh_one(fact: ApprovalFact, facts: Facts, regime: Regime) -> tuple[Weight | None, str]:
    """Return the statement's weight, or why it has none."""
    name = fact.approval.officer
    opened = open_statement(fact.approval.envelope)
    fault = _of_signer(fact, facts, opened)
    if fault or opened.statement is None:
        return None, f"The statement by {name} is worth nothing: {fault or opened.fault}."
    statement = opened.statement
    fault = _of_subject(statement, facts.request)
    if not fault and statement.decision == "approve":
        fault = (
            _of_content(statement, facts.request)
            or _of_circumstances(statement, facts)
            or _of_time(statement, facts)
            or _of_screening(statement, facts.request)
        )
    if fault:
        kind = _KINDS[statement.decision]
        return None, f"The {kind} by {name} is worth nothing: {fault}."
    grants = grants_of(facts.control, name, facts.now)
    until = counts_until(grants, facts.request, regime)
    if until is not None and statement.decision == "approve":
        until = min(until, statement.expires_at)
    return Weight(name, _signer_of(fact, facts), statement, fact.seq, grants, until), ""


@dataclass(frozen=True, slots=True)
class Opened:
    """What an envelope holds, whoever it is by: the statement, or what is wrong."""

    statement: ApprovalStatement | None
    fault: str


def open_statement(envelope: Envelope) -> Opened:
    """Read an envelope. The same bytes always give the same answer, so it is remembered."""
    return _open(envelope.payload)


@lru_cache(maxsize=2_048)
def _open(payload: str) -> Opened:
    try:
        raw = base64.b64decode(payload, validate=True)
        statement = ApprovalStatement.from_bytes(raw)
    except (StrictJsonError, ValueError):
        return Opened(None, "it cannot be read as an approval statement")
    if statement.to_bytes() != raw:
        return Opened(None, "it is not written in the canonical form")
    return Opened(statement, "")


def _of_signer(fact: ApprovalFact, facts: Facts, opened: Opened) -> str:
    """Say what is wrong with who signed, or nothing."""
    name, request_id = fact.approval.officer, facts.request.request_id
    if fact.approval.request_id != request_id or fact.subject != subjects.approval(request_id, name):
        return f"it was found at {fact.subject}, where it does not belong"
    person = facts.control.officers.get(name)
    if person is None:
        return f"there is no officer {name} in this city's authority"
    if name in facts.control.revoked:
        return f"the key of {name} was revoked; another officer must approve"
    if not _signer_of(fact, facts):
        return f"it is not signed by the key of {name}"
    if opened.statement is not None and opened.statement.officer != name:
        return f"it was signed in the name of {opened.statement.officer}"
    return ""


def _signer_of(fact: ApprovalFact, facts: Facts) -> str:
    """Return the key or passkey of its officer that signed a statement alone; empty where none did."""
    keys = facts.control.keys_of(fact.approval.officer, facts.now)
    return keys.signer_of(fact.approval.envelope, APPROVAL_TYPE)


def _of_subject(statement: ApprovalStatement, request: Request) -> str:
    """Say where the statement is about something else than this request, or nothing."""
    if statement.realm != request.realm:
        return f"it is for the realm {statement.realm}, and this request is of the realm {request.realm}"
    if statement.request_id != request.request_id:
        return f"it is for the request {statement.request_id}"
    if statement.revision != request.revision:
        return f"it is for revision {statement.revision}, and this is revision {request.revision}"
    return ""


def _of_content(statement: ApprovalStatement, request: Request) -> str:
    """Say where an approval covers something else than what would be posted, or nothing.

    Not asked of a rejection: a no to the revision is a no, whatever was looked at.
    """
    if statement.digest != request.digest:
        return "it covers other content than this request has (another digest); look at it and sign again"
    if statement.renderings != {rendering.platform: rendering.sha256 for rendering in request.renderings}:
        return "it covers other renderings than this request has; look at it and sign again"
    if statement.scope != request.scope:
        return f"it is for the scope {statement.scope}, and this request has the scope {request.scope}"
    if statement.targets != request.targets and sorted(statement.targets) != sorted(request.targets):
        return "it is for other profiles than this request asks for"
    return ""


def _of_circumstances(statement: ApprovalStatement, facts: Facts) -> str:
    """Say where the request is not what the approver was shown, in what the policy reads beside the content."""
    if statement.rule is None:
        return "it was signed by a desk of before version 0.3; approve again" if facts.control.ruled else ""
    for what, signed, stands in changed_circumstances(statement, facts.request):
        return f"its {what} is {_word(signed)}, and the request's is {_word(stands)}; look at it and sign again"
    return ""


def _word(value: object) -> str:
    return "none" if value is None else utc_text(value) if isinstance(value, datetime) else str(value)


def _of_time(statement: ApprovalStatement, facts: Facts) -> str:
    """Say why an approval is not in force at this time, or nothing. A rejection does not lapse."""
    longest = timedelta(seconds=facts.control.settings.approval_seconds)
    if statement.expires_at <= statement.issued_at:
        return "it expires before it was issued"
    due = facts.request.not_before
    latest = statement.issued_at + longest
    if statement.expires_at > (latest if due is None else max(latest, due + SCHEDULE_GRACE)):
        return f"it claims to last longer than the {longest.total_seconds() / 60:g} minutes that this city allows"
    if statement.issued_at > facts.now + CLOCK_SKEW:
        return f"it is dated {utc_text(statement.issued_at)}, in the future; check the clock it was signed by"
    if facts.now >= statement.expires_at:
        return f"it expired at {utc_text(statement.expires_at)}; approve again if it should still go out"
    return ""


def _of_screening(statement: ApprovalStatement, request: Request) -> str:
    """Say which of screening's findings an approval does not acknowledge, or nothing."""
    unseen = {finding.code for finding in request.screening} - set(statement.acknowledged) if request.screening else ()
    if not unseen:
        return ""
    return f"it does not acknowledge what screening found ({both(sorted(unseen))})"


def _no_weight(weight: Weight, request: Request, regime: Regime) -> str:
    needed = counting_roles(regime, crisis=request.crisis)
    held = both(sorted({str(grant.role) for grant in weight.grants})) or "no role"
    kind = _KINDS[weight.statement.decision]
    return f"The {kind} by {weight.officer} ({held}) is on record but does not count: it takes {needed}."
