"""Rules for receipts: how an attempt ended, once, and that nothing is in public without one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from schemas.events.control import Posture
from schemas.events.deliveries import Receipt, ReceiptOutcome
from services.audit.proof.replay_state import AttemptFacts, DeliveryContext, ReplayState, Target
from services.audit.proof.rules import borne_out, resolutions
from services.audit.proof.rules.attempts import Basis, violations
from services.audit.proof.rules.barrier import LEASE
from services.audit.record.format import RecordEntry
from services.audit.record.violation import Violation

_NOT_POSTED = frozenset({ReceiptOutcome.WITHHELD, ReceiptOutcome.FAILED})

_UNAPPROVED = frozenset(
    {
        "warrant.no_signature",
        "warrant.rejected",
        "warrant.all_departments_signature",
        "warrant.second_approver",
    }
)


def receipt(state: ReplayState, entry: RecordEntry, tokens: list[str]) -> Iterator[Violation]:
    """Check that a receipt belongs to an attempt that counts, and that no second post became public."""
    event = Receipt.from_bytes(entry.data)
    here = [event.profile, event.request_id] == tokens
    if not here:
        yield Violation(entry.seq, "event.subject", f"The receipt of {event.profile} is elsewhere.")
    context = state.request(event.request_id)
    if context is None:
        yield Violation(entry.seq, "receipt.request", f"There is no request {event.request_id}.")
        return
    target = context.target(event.revision, event.profile)
    baseless = borne_out.baseless(entry, event, context) if state.goes_by_new_rules else ""
    if baseless and borne_out.could_end_without(event):
        state.void(entry.seq, "receipt.baseless", baseless)
        return
    # An attempt that does not count may have been called all the same, by a thief of the key: what it made is public.
    why = state.void_attempts.get(event.attempt_seq)
    if why is not None:
        yield Violation(
            entry.seq,
            "receipt.void_attempt",
            f"It says how the attempt {event.attempt_seq} ended, which did not count: {why}.",
        )
        if event.outcome is ReceiptOutcome.DELIVERED:
            yield from _public(state, entry, event, target)
        return
    if here and context.counts and not baseless:
        state.progress.answered(event)
        progress = state.progress.of(event.request_id, event.profile)
        over = progress.final and progress.answered
        context.counted.history.ended.append((entry.seq, event.profile, over))
    if event.outcome is ReceiptOutcome.LAPSED:
        yield from _lapsed(state, entry, event)
        return
    yield from borne_out.nothing_there(state, entry, event, context)
    yield from _left_standing(state, entry, event, target)
    yield from _settle(state, entry, event, context)
    yield from resolutions.receipt(entry, event, target)
    if event.outcome is ReceiptOutcome.DELIVERED:
        yield from _public(state, entry, event, target)
    if event.final and not target.final_seq:
        target.final_seq = entry.seq


def _attempt_of(state: ReplayState, entry: RecordEntry, event: Receipt) -> AttemptFacts | Violation:
    facts = state.attempts.get(event.attempt_seq)
    of = (event.request_id, event.revision, event.profile)
    if facts is None or of != (facts.event.request_id, facts.event.revision, facts.event.profile):
        message = f"{event.attempt_seq} is no attempt of {event.request_id} on {event.profile}."
        return Violation(entry.seq, "receipt.attempt", message)
    return facts


def _settle(state: ReplayState, entry: RecordEntry, event: Receipt, context: DeliveryContext) -> Iterator[Violation]:
    if event.attempt_seq == 0:
        # What may be public ends as unconfirmed when it expires, without another attempt; an officer may have seen it.
        seen = event.resolution_seq is not None and context.target(event.revision, event.profile).attempts
        if event.outcome is ReceiptOutcome.DELIVERED and not seen:
            yield Violation(entry.seq, "receipt.attempt", f"A post on {event.profile} without an attempt on record.")
        return
    facts = _attempt_of(state, entry, event)
    if isinstance(facts, Violation):
        yield facts
        return
    if state.open_attempts.pop(facts.seq, None) is not None:
        facts.answered_by, facts.answered_at = event.worker, entry.at
    yield from _overtaken(state, event, facts)
    _late(state, entry, event, facts, context)
    facts.receipt_seq, facts.outcome = entry.seq, event.outcome
    if facts.named_at and event.outcome is ReceiptOutcome.DELIVERED:
        _landed(state, entry, facts, context)


def _left_standing(state: ReplayState, entry: RecordEntry, event: Receipt, target: Target) -> Iterator[Violation]:
    """What stands of a post, if only the beginning of its thread, does not end as surely not posted."""
    not_posted = event.outcome in (ReceiptOutcome.EXPIRED, ReceiptOutcome.WITHHELD) and not event.remote_id
    if target.begun_seq and state.goes_by_new_rules and event.final and event.attempt_seq == 0 and not_posted:
        said = f"It ends as {event.outcome} on {event.profile}, where the receipt {target.begun_seq} says what stands."
        yield Violation(entry.seq, "receipt.left_standing", said)
    if event.resolution_seq is not None:
        target.begun_seq = 0
    elif event.remote_id:
        target.begun_seq = entry.seq


def _late(
    state: ReplayState, entry: RecordEntry, event: Receipt, facts: AttemptFacts, context: DeliveryContext
) -> None:
    """Warn of a post that a receipt had said was not made; not where an officer had it made again."""
    again = context.target(event.revision, event.profile).again_seq
    if facts.outcome not in _NOT_POSTED or event.outcome is not ReceiptOutcome.DELIVERED or again:
        return
    message = (
        f"{event.request_id} is public on {event.profile}, and the receipt {facts.receipt_seq} said {facts.outcome}: "
        "its worker had been stopped before its call, or the platform listed the post late."
    )
    state.warnings.append(Violation(entry.seq, "receipt.landed_late", message))


def _lapsed(state: ReplayState, entry: RecordEntry, event: Receipt) -> Iterator[Violation]:
    """A lapsed receipt frees a profile whose attempt has no answer: it ends nothing, and never comes too early."""
    facts = _attempt_of(state, entry, event)
    if isinstance(facts, Violation):
        yield facts
        return
    says_more = event.final or event.url or event.remote_id or event.resolution_seq is not None
    if facts.receipt_seq or says_more:
        yield Violation(
            entry.seq, "receipt.lapsed", f"Nobody knows how the attempt {facts.seq} ended, it says; the record does."
        )
    elif entry.at - facts.at < LEASE:
        message = f"The profile {event.profile} was freed while the attempt {facts.seq} could still land."
        state.warnings.append(Violation(entry.seq, "receipt.lapsed_early", message))


def _landed(state: ReplayState, entry: RecordEntry, facts: AttemptFacts, context: DeliveryContext) -> None:
    """Warn of a post that was unknown when ACTIVE was told, and landed without the approval that 2(iii) asks for."""
    basis = Basis(context.counted.verdict, context.counted.verdict_seq, context.counted.approvals())
    active = replace(state.control, posture=Posture.EOC_ACTIVE)
    lacking = {one.code for one in violations(state, facts, context, basis, facts.at, active)} & _UNAPPROVED
    if lacking:
        message = (
            f"{facts.event.request_id} landed on {facts.event.profile} without an approval that counts under the EOC: "
            f"its attempt {facts.seq} was unknown when ACTIVE was announced at {facts.named_at}."
        )
        state.warnings.append(Violation(entry.seq, "receipt.landed_unapproved", message))
    facts.named_at = 0


def _overtaken(state: ReplayState, event: Receipt, facts: AttemptFacts) -> Iterator[Violation]:
    """An attempt that was overtaken by a new fact is no fault if the worker's second look held it back.

    Nor if nobody can tell whether it was carried out, the worker having died, and a newer clearance of the same stood
    or its time had just run out: an officer has to look at it anyway. What turns out to be delivered is judged again.
    """
    codes = {one.code for one in facts.overtaken}
    held = event.outcome is ReceiptOutcome.WITHHELD and not event.remote_id
    open_end = event.outcome is ReceiptOutcome.UNCONFIRMED and (facts.late or codes == {"attempt.verdict"})
    if codes and (held or open_end):
        said = "held back in time" if held else "how it ended is not known"
        names = ", ".join(one.code for one in facts.overtaken)
        state.warnings.append(Violation(facts.seq, "attempt.overtaken", f"It was overtaken ({names}); {said}."))
    else:
        yield from facts.overtaken
    facts.overtaken = facts.overtaken if open_end else ()


def _public(state: ReplayState, entry: RecordEntry, event: Receipt, target: Target) -> Iterator[Violation]:
    remote = event.remote_id or event.url or ""
    # One attempt makes one post: what an officer named by its address, the platform may name later by its id.
    the_same = target.seen_by_person and len(target.attempts) == 1
    if target.delivered_seq and remote not in target.remote_ids and not the_same:
        twice = Violation(
            entry.seq,
            "receipt.double",
            f"{event.request_id} is on {event.profile} twice: also by the receipt {target.delivered_seq}.",
        )
        if target.again_seq:  # the officer who had it posted again was warned of this
            state.warnings.append(twice)
        else:
            yield twice
    target.remote_ids.add(remote)
    target.seen_by_person = target.seen_by_person or event.resolution_seq is not None
    target.delivered_seq = target.delivered_seq or entry.seq
