"""What is written down of how an attempt ended, pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.events.deliveries import Attempt, Delivery, Receipt, ReceiptOutcome
from services.fanout.caller import Held
from services.fanout.connectors.contract import Absent, Permanent, Posted, ReconcileResult, Retryable


def of_result(
    delivery: Delivery, attempt_seq: int, result: Posted | Permanent | Retryable | Held, now: datetime
) -> Receipt:
    """Return the receipt of a call that ended clearly, or was not made.

    What surely was not posted and may be tried again is ``withheld``, not final.
    """
    if isinstance(result, Posted):
        changes = {"outcome": ReceiptOutcome.DELIVERED, "final": True, "reason": result.note, **_where(result)}
    elif isinstance(result, Permanent):
        changes = {"outcome": ReceiptOutcome.FAILED, "final": True, "reason": result.reason}
        changes |= _where(result.begun)
    else:
        changes = {"outcome": ReceiptOutcome.WITHHELD, "final": False, "reason": result.reason}
        changes |= _where(result.begun) if isinstance(result, Retryable) else {}
    return _receipt(delivery, attempt_seq, now, **changes)


def of_look(attempt: Attempt, attempt_seq: int, found: ReconcileResult, now: datetime, *, natural: bool) -> Receipt:
    """Return the receipt of an attempt whose end was looked for on the platform.

    Args:
        attempt: the attempt.
        attempt_seq: its ledger sequence.
        found: what the platform shows.
        now: the present time.
        natural: the platform makes one post of the same key, so that what cannot be told may be repeated.
    """
    if isinstance(found, Posted):
        changes = {"outcome": ReceiptOutcome.DELIVERED, "final": True, "reason": "found on the platform"}
        changes |= _where(found)
    elif isinstance(found, Absent):
        reason = "the platform shows that it was not posted; it is tried again"
        if found.begun is not None:
            reason = "the platform shows only its beginning; it is continued"
        changes = {"outcome": ReceiptOutcome.WITHHELD, "final": False, "reason": reason, **_where(found.begun)}
    elif natural:
        reason = f"{found.reason}; to repeat it is safe there"
        changes = {"outcome": ReceiptOutcome.UNCONFIRMED, "final": False, "reason": reason}
    else:
        reason = f"it may stand or not: {found.reason}; please look at the profile"
        changes = {"outcome": ReceiptOutcome.UNCONFIRMED, "final": True, "reason": reason}
    return _receipt(attempt, attempt_seq, now, **changes)


def beside(receipt: Receipt, last: Receipt | None) -> Receipt:
    """Return the receipt of an attempt that surely did not post so that it does not take back what stands.

    Two workers may have an attempt each, one of them long asleep: what that one finds comes after a newer attempt. If
    it is public by then, or may be, nothing is to be tried again.

    Args:
        receipt: of an attempt, or of none.
        last: the last receipt on the same place.
    """
    surely_not = receipt.attempt_seq and receipt.outcome in (ReceiptOutcome.WITHHELD, ReceiptOutcome.FAILED)
    stands = last is not None and last.final and last.outcome in (ReceiptOutcome.DELIVERED, ReceiptOutcome.UNCONFIRMED)
    if last is None or not surely_not or not stands or last.attempt_seq == receipt.attempt_seq:
        return receipt
    if last.revision != receipt.revision:
        return receipt
    reason = f"the attempt at {last.attempt_seq} ended so; this one did not post: {receipt.reason}"
    copied = {"outcome": last.outcome, "url": last.url, "remote_id": last.remote_id}
    return receipt.model_copy(update={**copied, "final": True, "retry_at": None, "reason": reason})


def vanished(delivered: Receipt, now: datetime) -> Receipt:
    """Return what follows a delivered receipt whose post is not there any more: a person has to look."""
    reason = f"it was posted at {delivered.url} and does not stand there any more; please look at the profile"
    return delivered.model_copy(
        update={"at": now, "outcome": ReceiptOutcome.UNCONFIRMED, "final": True, "reason": reason, "retry_at": None}
    )


def exhausted(receipt: Receipt, number: int) -> Receipt:
    """Return the end of a delivery that was attempted often enough; what is not known stays unconfirmed."""
    reason = f"given up after {number} attempts, the last: {receipt.reason}"
    unknown = receipt.outcome is ReceiptOutcome.UNCONFIRMED
    outcome = ReceiptOutcome.UNCONFIRMED if unknown else ReceiptOutcome.FAILED
    return receipt.model_copy(update={"outcome": outcome, "final": True, "reason": reason, "retry_at": None})


def without_attempt(delivery: Delivery, outcome: ReceiptOutcome, now: datetime, *, final: bool, reason: str) -> Receipt:
    """Return the receipt of a delivery that ended without an attempt."""
    return _receipt(delivery, 0, now, outcome=outcome, final=final, reason=reason)


def _receipt(of: Delivery | Attempt, attempt_seq: int, now: datetime, **values: Any) -> Receipt:
    return Receipt(
        at=now,
        request_id=of.request_id,
        revision=of.revision,
        profile=of.profile,
        platform=of.platform,
        attempt_seq=attempt_seq,
        **values,
    )


def _where(posted: Posted | None) -> dict[str, Any]:
    """Return where a post stands, or the beginning of a thread that stands without its end."""
    return {"url": posted.url, "remote_id": posted.remote_id} if posted else {}
