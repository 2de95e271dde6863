"""Takes the facts of one request from the fold, and tells when a decision is needed. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime

from schemas import subjects
from schemas.events.verdicts import Outcome, Verdict
from schemas.platforms import WEBSITE
from services.gatekeeper.policy.decide import Decision, to_verdict
from services.gatekeeper.policy.facts import ApprovalFact, Facts
from services.gatekeeper.policy.validity import look_again
from services.kernel.control.control_state import ControlState
from services.kernel.fold.chain import Chain
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.fold.request_phase import OPEN_TO_A_VERDICT
from services.kernel.fold.state import RequestState


def facts_of(state: RequestState, control: ControlState, now: datetime, chain: Chain | None = None) -> Facts:
    """Return the facts that the policy looks at; ``chain``: which request comes after which."""
    replaced = chain.replaced if chain is not None else {}
    rival = replaced.get(state.request.replaces or "", "")
    return Facts(
        request=state.request,
        request_seq=state.seq,
        approvals=tuple(
            ApprovalFact(approval, seq, subjects.approval(state.request_id, officer))
            for officer, (seq, approval) in state.approvals.items()
        ),
        control=control,
        now=now,
        delivered=frozenset(state.wanted) - state.left,
        replaced_by=replaced.get(state.request_id, ""),
        rival=rival if rival != state.request_id else "",
        returned_by=state.returned,
    )


def facts_at(
    state: RequestState, verdict: Verdict, control: ControlState, over: frozenset[str], replaced: Mapping[str, str]
) -> Facts:
    """Return the facts that a verdict was made of, if it was made as it says.

    Args:
        state: the request, as it is by now.
        verdict: what somebody else wrote on it.
        control: the state of control where it is.
        over: the profiles where nothing was to be posted any more.
        replaced: what had replaced which request by what the verdict was decided at.
    """
    said = {one.officer: (seq, one) for seq, one in state.statements if state.seq < seq <= verdict.as_of}
    rival = replaced.get(state.request.replaces or "", "")
    return Facts(
        request=state.request,
        request_seq=state.seq,
        approvals=tuple(
            ApprovalFact(approval, seq, subjects.approval(state.request_id, officer))
            for officer, (seq, approval) in said.items()
        ),
        control=control,
        now=verdict.at,
        delivered=over,
        replaced_by=replaced.get(state.request_id, ""),
        rival=rival if rival != state.request_id else "",
        returned_by=state.returned,
    )


def difference(verdict: Verdict, decision: Decision, state: RequestState) -> str:
    """Say in what a verdict is not the policy's decision; empty where it is."""
    if verdict.as_of < state.seq:
        return f"it was decided at {verdict.as_of}, before the request"
    if verdict.outcome is not decision.outcome:
        return f"it says {verdict.outcome}, and the policy gives {decision.outcome}"
    if verdict.outcome is not Outcome.CLEARED:
        return ""
    if verdict.targets != decision.targets:
        return "it clears other profiles than the request names"
    if verdict.valid_until is None or decision.valid_until is None or verdict.valid_until > decision.valid_until:
        return "it clears for longer than the approvals do"
    return ""


def verdict_of(decision: Decision, facts: Facts, as_of: int) -> Verdict:
    """Return the verdict that a decision becomes: with the website's mirror, where the message goes elsewhere only."""
    verdict = to_verdict(decision, facts, facts.now, as_of)
    return verdict.model_copy(update={"mirror": True}) if _is_mirrored(verdict, facts) else verdict


def is_news(state: RequestState, verdict: Verdict) -> bool:
    """True when a verdict has to be appended; an unchanged one is not repeated.

    A cleared one belongs to its control revision, so each revision needs its own. An approval or rejection since
    the last verdict is always answered: its officer waits for it.
    """
    last = state.verdict
    if last is None or state.fact_seq > last.as_of:
        return True
    if verdict.outcome is Outcome.CLEARED and last.control_seq != verdict.control_seq:
        return True
    return _gist(last) != _gist(verdict)


def undecided(fold: LedgerFold) -> list[str]:
    """Return the requests that wait for a decision at the control revision in force: cleared and urgent ones first."""
    waiting = [state for state in fold.requests.values() if needs_decision(state, fold.control.seq)]
    return [state.request_id for state in sorted(waiting, key=lambda state: (not state.is_cleared, state.priority))]


def needs_decision(state: RequestState, control_seq: int) -> bool:
    """True when a request is open and its verdict, if any, does not know all facts."""
    if state.phase not in OPEN_TO_A_VERDICT:
        return False
    verdict = state.verdict
    return verdict is None or verdict.control_seq != control_seq or state.fact_seq > verdict.as_of


def is_reopened_by(state: RequestState, receipt_seq: int) -> bool:
    """True when a receipt may change the decision on its request.

    A person has a post made again; or a profile that stood in the way carries the message by now.
    """
    posted_meanwhile = not state.is_cleared and not state.is_refused
    return state.fact_seq == receipt_seq or posted_meanwhile


def look_again_after(state: RequestState, known: Container[str], chain: Chain) -> str:
    """Return the request to be decided anew after a verdict on this one; the empty text for none.

    That is what it replaces, if it is ``known``, or itself where another had replaced that before: its gate had not
    heard of the other, and its verdict would stand cleared for ever.
    """
    earlier = state.request.replaces
    if earlier is None or not state.is_cleared:
        return ""
    if chain.replaced.get(earlier) != state.request_id:
        return state.request_id
    return earlier if earlier in known else ""


def decide_again_at(state: RequestState, decision: Decision) -> datetime | None:
    """Return when time alone may change a decision, in UTC; None when it is final."""
    if decision.outcome is Outcome.REFUSED:
        return None
    times = (state.request.expires_at, decision.valid_until, decision.look_again)
    return min(time for time in times if time is not None)


def due_by(state: RequestState, facts: Facts) -> datetime | None:
    """Return the same of a request as the ledger has it, whichever copy of the gate has decided it; None once over."""
    if state.phase not in OPEN_TO_A_VERDICT:
        return None
    until = state.verdict.valid_until if state.verdict is not None else None
    times = (state.request.expires_at, until, look_again(facts))
    return min(time for time in times if time is not None)


def _gist(verdict: Verdict) -> tuple[object, ...]:
    return (
        verdict.outcome,
        verdict.revision,
        verdict.targets,
        verdict.findings,
        verdict.approved_by,
        verdict.publisher_of_record,
        verdict.valid_until,
        verdict.mirror,
    )


def _is_mirrored(verdict: Verdict, facts: Facts) -> bool:
    if verdict.outcome is not Outcome.CLEARED:
        return False
    rendered = any(one.platform == WEBSITE for one in facts.request.renderings)
    profiles = [facts.control.profiles[name] for name in verdict.targets if name in facts.control.profiles]
    elsewhere = not any(profile.platform == WEBSITE for profile in profiles)
    # What goes to no official profile is nothing that the website could mirror.
    return rendered and elsewhere and any(profile.official for profile in profiles)
