"""What a receipt without an attempt rests on: the audit's own reading of services.kernel.fold.borne_out. Pure.

Whoever holds fan-out's key can write that a message failed, expired or was posted. Without an attempt that ends
nothing, unless the record shows the reason by itself; what the record shows to be a lie is a violation.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.envelope import CLOCK_SKEW
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from services.audit.proof.replay_state import DeliveryContext, ReplayState
from services.audit.record.format import RecordEntry
from services.audit.record.violation import Violation

_WITHOUT_ATTEMPT = frozenset(
    {ReceiptOutcome.FAILED, ReceiptOutcome.UNCONFIRMED, ReceiptOutcome.WITHHELD, ReceiptOutcome.EXPIRED}
)


def baseless(entry: RecordEntry, event: Receipt, context: DeliveryContext) -> str:
    """Say why a receipt rests on nothing, so that it counts for no reader; empty where it does."""
    place = f"The receipt of {event.request_id} on {event.profile}"
    if event.resolution_seq is not None:
        decided = context.target(event.revision, event.profile).decided
        return "" if event.resolution_seq in decided else f"{place} carries out a decision that does not stand."
    if event.attempt_seq != 0:
        return ""
    if event.outcome not in _WITHOUT_ATTEMPT:
        return f"{place} says {event.outcome}, without an attempt."
    if event.final and not _shown(entry, event, context):
        return f"{place} says {event.outcome} for good, without an attempt and without a reason on record."
    return ""


def could_end_without(event: Receipt) -> bool:
    """Say whether it is a receipt that a worker of ours may write without an attempt, given a reason."""
    return event.resolution_seq is None and event.outcome in _WITHOUT_ATTEMPT


def _shown(entry: RecordEntry, event: Receipt, context: DeliveryContext) -> bool:
    """Say whether the record shows that nothing comes of it any more."""
    verdict = context.counted.verdict
    if verdict is not None and verdict.outcome is Outcome.REFUSED:
        return True
    if entry.at + CLOCK_SKEW >= context.request.expires_at:
        return True
    may_have_nothing = event.profile == MIRROR or context.request.act == "recall"
    return may_have_nothing and event.outcome is ReceiptOutcome.WITHHELD


def nothing_there(
    state: ReplayState, entry: RecordEntry, event: Receipt, context: DeliveryContext
) -> Iterator[Violation]:
    """Yield what is wrong with a receipt by which a recall takes nothing back, although something is there."""
    ends = event.attempt_seq == 0 and event.resolution_seq is None and event.final
    if not ends or event.outcome is not ReceiptOutcome.WITHHELD or context.request.act != "recall":
        return
    verdict = context.counted.verdict
    over = entry.at + CLOCK_SKEW >= context.request.expires_at
    if over or (verdict is not None and verdict.outcome is Outcome.REFUSED):
        return
    earlier = state.context(context.request.replaces or "")
    there = earlier.target(earlier.request.revision, event.profile) if earlier is not None else None
    if earlier is not None and there is not None and (there.delivered_seq or there.begun_seq):
        said = f"It takes nothing back on {event.profile}, where {earlier.request.request_id} stands by the record."
        yield Violation(entry.seq, "receipt.not_taken_back", said)
