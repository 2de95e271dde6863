"""Each verdict once more, by the gate's own pure function over the facts that the record shows. Pure.

A verdict carries no signature: who holds the gatekeeper's key can refuse what was approved, or clear what was not. The
facts are those up to the sequence that the verdict says that it was decided at (``as_of``), read by the audit's own
replay; the function is the gate's, since a second reading of the policy is in the worker's own check already.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas import subjects
from schemas.events.envelope import CLOCK_SKEW
from schemas.events.verdicts import Outcome, Verdict
from services.audit.proof import chain
from services.audit.proof.replay_state import DeliveryContext, ReplayState
from services.audit.record.format import RecordEntry
from services.audit.record.violation import Violation
from services.gatekeeper.policy.decide import Decision, decide
from services.gatekeeper.policy.facts import ApprovalFact, Facts
from services.kernel.base.zones import utc_text


def judge(state: ReplayState, entry: RecordEntry, event: Verdict, context: DeliveryContext) -> Iterator[Violation]:
    """Yield where a verdict that counts is not what the policy gives for what was known when it was decided."""
    if event.as_of < max(context.request_seq, event.control_seq):
        said = f"It was decided at {event.as_of}, before the request or the control revision that it is on."
        yield Violation(entry.seq, "verdict.as_of", said)
        return
    if event.at - entry.at > CLOCK_SKEW:
        said = f"It is dated {utc_text(event.at)}, ahead of when it was stored."
        yield Violation(entry.seq, "verdict.time", said)
        return
    decision = decide(facts_at(state, event, context))
    if differs := _difference(event, decision):
        yield Violation(entry.seq, "verdict.policy", differs)


def facts_at(state: ReplayState, event: Verdict, context: DeliveryContext) -> Facts:
    """Return what the gate knew of a request when it had folded the ledger up to the verdict's ``as_of``."""
    as_of, request, history = event.as_of, context.request, context.counted.history
    rival = chain.replacement(state, request.replaces, as_of)
    return Facts(
        request=request,
        request_seq=context.request_seq,
        approvals=tuple(
            ApprovalFact(approval, seq, subjects.approval(request.request_id, officer))
            for officer, (seq, approval) in history.decisions(as_of).items()
        ),
        control=state.control,
        now=event.at,
        delivered=history.over(as_of),
        replaced_by=chain.replacement(state, request.request_id, as_of),
        rival=rival if rival != request.request_id else "",
        returned_by=context.counted.returned,
    )


def _difference(event: Verdict, decision: Decision) -> str:
    """Say in what a verdict is not the policy's decision; empty where it is."""
    if event.outcome is not decision.outcome:
        reasons = "; ".join(f"{one.clause}: {one.reason}" for one in decision.findings if one.outcome != "noted")[:300]
        return f"It says {event.outcome}; by the policy it is {decision.outcome} ({reasons.rstrip('.')})."
    if event.outcome is not Outcome.CLEARED:
        return ""
    if event.targets != decision.targets:
        return "It clears other profiles than the request names."
    if event.valid_until is None or decision.valid_until is None or event.valid_until > decision.valid_until:
        return f"It clears until {event.valid_until}; by the policy that ends at {decision.valid_until}."
    return ""
