"""The gate's engine: rules first, engine second. A pure function from facts to a decision.

It fails closed: an empty rule table, a rule that raises or answers nonsense, a role or posture that is not in the
policy give a refusal with its reason; what no clause authorises is never cleared.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.events.verdicts import Finding, FindingOutcome, Outcome, Verdict
from services.gatekeeper.policy.approvals import Weighed, weigh
from services.gatekeeper.policy.clauses import c2_iv
from services.gatekeeper.policy.facts import Facts, PolicyFault
from services.gatekeeper.policy.findings import blocked, refused
from services.gatekeeper.policy.rules import AUTHORISING, RULES, Rule
from services.gatekeeper.policy.validity import look_again, valid_until

CLAUSE = "gate"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says of some facts.

    ``targets`` are always all that the request asks for. ``approved_by`` are the officers whose approvals count so
    far, in ledger order. ``publisher_of_record`` and ``valid_until`` (exclusive) are set when cleared.
    ``look_again`` is when it may change without a new fact, None when that cannot be.
    """

    outcome: Outcome
    findings: tuple[Finding, ...]
    targets: tuple[str, ...]
    approved_by: tuple[str, ...] = ()
    publisher_of_record: str | None = None
    valid_until: datetime | None = None
    look_again: datetime | None = None


def decide(facts: Facts, rules: tuple[Rule, ...] = RULES) -> Decision:
    """Decide a request by the policy. Never raises for facts of the right types."""
    if not rules:
        return _refuse(facts, "The gate has no rules, so it lets nothing pass. Its installation must be fixed.")
    try:
        weighed = weigh(facts)
        findings = weighed.notes + _ask(rules, facts, weighed)
        return _conclude(facts, weighed, findings)
    except PolicyFault as fault:
        return _refuse(facts, f"{_sentence(str(fault))}. The gate lets nothing pass that it does not know.")
    except Exception as error:  # noqa: BLE001 - whatever went wrong, nothing may pass because of it
        return _refuse(facts, f"The gate failed while it decided ({type(error).__name__}): nothing passes.")


def to_verdict(decision: Decision, facts: Facts, at: datetime, as_of: int) -> Verdict:
    """Return the verdict event of a decision.

    Args:
        decision: what ``decide`` returned for the facts.
        facts: the facts that it was decided on; their control revision is what attempts are fenced on.
        at: when the verdict is written.
        as_of: the ledger sequence of the newest fact of this request that was considered.
    """
    request = facts.request
    return Verdict(
        at=at,
        request_id=request.request_id,
        revision=request.revision,
        digest=request.digest,
        outcome=decision.outcome,
        posture=facts.control.posture,
        control_seq=facts.control.seq,
        as_of=as_of,
        targets=decision.targets,
        findings=decision.findings,
        approved_by=decision.approved_by,
        publisher_of_record=decision.publisher_of_record,
        valid_until=decision.valid_until,
    )


def _ask(rules: tuple[Rule, ...], facts: Facts, weighed: Weighed) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    for rule in rules:
        try:
            findings += _as_findings(rule.judge(facts, weighed))
        except PolicyFault:
            raise
        except Exception as error:  # noqa: BLE001 - a rule that fails has not said yes
            findings.append(refused(rule.CLAUSE, _broken(rule.CLAUSE, error)))
    return tuple(findings)


def _as_findings(answer: object) -> tuple[Finding, ...]:
    if answer is None:
        return ()
    if type(answer) is Finding and type(answer.outcome) is FindingOutcome:
        return (answer,)
    answers = answer if isinstance(answer, tuple) else (answer,)
    if not all(isinstance(one, Finding) and isinstance(one.outcome, FindingOutcome) for one in answers):
        raise TypeError("a rule answers with findings")
    return answers


def _broken(clause: str, error: Exception) -> str:
    return (
        f"The rule for {clause} failed ({type(error).__name__}), so nothing passes it. Tell who maintains this gate; "
        "once it is fixed, submit the request again."
    )


def _conclude(facts: Facts, weighed: Weighed, findings: tuple[Finding, ...]) -> Decision:
    approved_by = tuple(weight.officer for weight in weighed.counting)
    outcome = _outcome(findings)
    if outcome is Outcome.CLEARED and not (approved_by and _authorised(findings)):
        outcome = Outcome.BLOCKED
        findings += (blocked(CLAUSE, "No clause of the policy gives the authority to publish this."),)
    if outcome is Outcome.REFUSED:
        return Decision(outcome, findings, facts.request.targets, approved_by)
    again = look_again(facts)
    if outcome is Outcome.BLOCKED:
        return Decision(outcome, findings, facts.request.targets, approved_by, look_again=again)
    until = valid_until(facts, weighed)
    record = _publisher_of_record(facts, weighed)
    return Decision(outcome, findings, facts.request.targets, approved_by, record, until, again)


def _outcome(findings: tuple[Finding, ...]) -> Outcome:
    said = {finding.outcome for finding in findings}
    if FindingOutcome.REFUSED in said:
        return Outcome.REFUSED
    return Outcome.BLOCKED if FindingOutcome.BLOCKED in said else Outcome.CLEARED


def _authorised(findings: tuple[Finding, ...]) -> bool:
    return any(finding.outcome is FindingOutcome.SATISFIED and finding.clause in AUTHORISING for finding in findings)


def _publisher_of_record(facts: Facts, weighed: Weighed) -> str:
    """Return on whose authority it goes out: the author's where it suffices, else the first approver's (2(ii))."""
    able = c2_iv.leaders(weighed) if c2_iv.reaches_all(facts) else weighed.counting
    names = [weight.officer for weight in able]
    return facts.request.author if facts.request.author in names else names[0]


def _refuse(facts: Facts, reason: str) -> Decision:
    return Decision(Outcome.REFUSED, (refused(CLAUSE, reason),), facts.request.targets)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
