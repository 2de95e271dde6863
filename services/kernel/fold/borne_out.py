"""Whether the record bears out a receipt that names no attempt: who holds fan-out's key can write any. Pure.

A receipt of an attempt is one worker's word; one without an attempt can only say what the ledger itself shows: that the
request has expired or was refused. Without such a reason it ends nothing, and counts for no reader. What comes of a
person's decision rests on that decision. The audit has the same rule in code of its own.
"""

from __future__ import annotations

from datetime import datetime

from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.envelope import CLOCK_SKEW
from schemas.platforms import MIRROR
from services.kernel.fold.state import RequestState, TargetState

_NEEDS_AN_ATTEMPT = frozenset({ReceiptOutcome.DELIVERED, ReceiptOutcome.RECALLED, ReceiptOutcome.LAPSED})


def baseless_because(receipt: Receipt, at: datetime, state: RequestState, target: TargetState) -> str:
    """Return why a receipt has no basis on record; the empty text when it has one.

    Args:
        receipt: the receipt.
        at: when the server stored it; the clock of who wrote it may be ahead by what signatures allow.
        state: its request before it.
        target: its request on its profile before it.
    """
    if receipt.resolution_seq is not None:
        known = any(seq == receipt.resolution_seq for seq, _ in target.resolutions)
        return "" if known else f"there is no decision at {receipt.resolution_seq} that it could carry out"
    if receipt.attempt_seq:
        return ""
    if receipt.outcome in _NEEDS_AN_ATTEMPT:
        return f"it says {receipt.outcome}, and names no attempt"
    if not receipt.final or _may_end(receipt, at, state):
        return ""
    return f"it says {receipt.outcome} for good without an attempt, and nothing on record bears that out"


def _may_end(receipt: Receipt, at: datetime, state: RequestState) -> bool:
    if state.request.expires_at <= at + CLOCK_SKEW or state.is_refused:
        return True
    # It is nowhere that it could mirror, or take back: the audit looks at both.
    mirrors_or_recalls = receipt.profile == MIRROR or state.request.act == "recall"
    return receipt.outcome is ReceiptOutcome.WITHHELD and mirrors_or_recalls
