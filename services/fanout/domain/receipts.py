"""What is written down of how an attempt ended, pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.events.requests import Request
from services.fanout.connectors.contract import (
    Absent,
    Altered,
    HandedOver,
    Permanent,
    Posted,
    ReconcileResult,
    Retracted,
    Retryable,
    WhenUnknown,
)
from services.fanout.domain import retry
from services.kernel.fold.reading import parse_each
from services.kernel.fold.state import RequestState, TargetState
from services.kernel.ledger.entry import Entry


class HasReason(Protocol):
    """What was not sent, and why."""

    @property
    def reason(self) -> str:
        """Why not, in plain words."""
        ...


def of_result(
    attempt: Attempt,
    attempt_seq: int,
    result: Posted | Retracted | Permanent | Retryable | HasReason,
    now: datetime,
) -> Receipt:
    """Return the receipt of a call that ended clearly, or was not made, by the worker of the attempt.

    What surely was not posted and may be tried again is ``withheld``, not final.
    """
    if isinstance(result, Posted):
        changes = {"outcome": ReceiptOutcome.DELIVERED, "final": True, "reason": result.note, **_where(result)}
    elif isinstance(result, Retracted):
        reason = result.note or "what stood there is taken back"
        changes = {"outcome": ReceiptOutcome.RECALLED, "final": True, "reason": reason}
    elif isinstance(result, HandedOver):
        changes = {"outcome": ReceiptOutcome.UNCONFIRMED, "final": True, "reason": result.reason}
    elif isinstance(result, Permanent):
        changes = {"outcome": ReceiptOutcome.FAILED, "final": True, "reason": result.reason}
        changes |= _where(result.begun)
    else:
        changes = {"outcome": ReceiptOutcome.WITHHELD, "final": False, "reason": result.reason}
        changes |= _where(result.begun) if isinstance(result, Retryable) else {}
    return _receipt(attempt, attempt_seq, now, worker=attempt.worker, **changes)


def of_look(attempt: Attempt, attempt_seq: int, found: ReconcileResult, now: datetime, policy: WhenUnknown) -> Receipt:
    """Return the receipt of an attempt whose end was looked for on the platform.

    Args:
        attempt: the attempt.
        attempt_seq: its ledger sequence.
        found: what the platform shows.
        now: the present time.
        policy: what the platform's connector declares for an outcome that is not known.
    """
    if isinstance(found, Posted):
        reason = f"found on the platform; {found.note}" if found.note else "found on the platform"
        changes = {"outcome": ReceiptOutcome.DELIVERED, "final": True, "reason": reason, **_where(found)}
    elif isinstance(found, Absent):
        reason = "the platform shows that it was not posted; it is tried again"
        if found.begun is not None:
            reason = "the platform shows only its beginning; it is continued"
        changes = {"outcome": ReceiptOutcome.WITHHELD, "final": False, "reason": reason, **_where(found.begun)}
    elif isinstance(found, HandedOver):
        changes = {"outcome": ReceiptOutcome.UNCONFIRMED, "final": True, "reason": found.reason}
    elif policy is WhenUnknown.REPEAT:
        reason = f"{found.reason}; to repeat it is safe there"
        changes = {"outcome": ReceiptOutcome.UNCONFIRMED, "final": False, "reason": reason}
    else:
        reason = f"it may be public or not: {found.reason}; please look at the profile"
        changes = {"outcome": ReceiptOutcome.UNCONFIRMED, "final": True, "reason": reason}
    return _receipt(attempt, attempt_seq, now, **changes)


def found_late(attempt: Attempt, attempt_seq: int, found: Posted, now: datetime) -> Receipt:
    """Return the receipt of an attempt that another receipt said had not posted, and whose post is there after all.

    Most platforms are asked for the words; somebody may have posted the same ones by hand.
    """
    reason = (
        "a post with these words is there at a later look, and no other message's: either who was to post it was "
        "stopped, and sent it as it went on, or somebody posted the same words by hand"
    )
    changes = {"outcome": ReceiptOutcome.DELIVERED, "final": True, "reason": reason, **_where(found)}
    return _receipt(attempt, attempt_seq, now, **changes)


def lapsed(attempt: Attempt, attempt_seq: int, now: datetime) -> Receipt:
    """Return the receipt that frees a profile for other requests: the lease is over, and nobody knows how it ended."""
    reason = "its lease is over and it is not known yet how it ended; other messages may go on"
    return _receipt(attempt, attempt_seq, now, outcome=ReceiptOutcome.LAPSED, final=False, reason=reason)


def counted(entries: Iterable[Entry], target: TargetState) -> list[Receipt]:
    """Return the receipts among what is on a receipt's subject that count by the fold."""
    ends = {seq for seq, _ in target.receipts}
    return [
        receipt
        for seq, receipt in parse_each(Receipt, entries)
        if seq in ends or (receipt.outcome is ReceiptOutcome.LAPSED and receipt.attempt_seq in target.effective)
    ]


def reconcile_with_latest(receipt: Receipt, last: Receipt | None) -> Receipt:
    """Return the receipt of an attempt that surely did not post so that it does not take back what is there.

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


def naming(receipt: Receipt, begun: Receipt | None) -> Receipt:
    """Return an end of what nobody saw delivered with what stands of it, as ``begun`` says, if it does not say so."""
    silent = receipt.final and not receipt.remote_id and receipt.outcome in _NOT_DELIVERED
    if begun is None or not silent:
        return receipt
    return receipt.model_copy(update={"url": begun.url, "remote_id": begun.remote_id})


_NOT_DELIVERED = frozenset(
    {ReceiptOutcome.FAILED, ReceiptOutcome.UNCONFIRMED, ReceiptOutcome.EXPIRED, ReceiptOutcome.WITHHELD}
)


def says_enough(old: Receipt, new: Receipt) -> bool:
    """True when an attempt's receipt on record makes another one superfluous."""
    if old.attempt_seq != new.attempt_seq:
        return False
    if ReceiptOutcome.LAPSED in (old.outcome, new.outcome):
        return new.outcome is ReceiptOutcome.LAPSED  # the profile is free already
    return old.outcome is ReceiptOutcome.DELIVERED or new.outcome is not ReceiptOutcome.DELIVERED


def vanished(delivered: Receipt, now: datetime) -> Receipt:
    """Return what follows a delivered receipt whose post is not there any more: a person has to look."""
    return _in_doubt(delivered, f"it was posted at {delivered.url} and is not there any more", now)


def altered(delivered: Receipt, differences: Iterable[str], now: datetime) -> Receipt:
    """Return what follows a delivered receipt whose post is another than was approved: a person has to look."""
    what = "; ".join(differences)
    return _in_doubt(delivered, f"it is at {delivered.url}, and is not as it was approved: {what}", now)


def _in_doubt(delivered: Receipt, what: str, now: datetime) -> Receipt:
    reason = f"{what}; please look at the profile"
    return delivered.model_copy(
        update={"at": now, "outcome": ReceiptOutcome.UNCONFIRMED, "final": True, "reason": reason, "retry_at": None}
    )


def unknown_before(delivered: Receipt, found: Altered) -> list[str]:
    """Return the differences that its receipt does not tell of, as it does where a server shows things otherwise."""
    said_before = {kind for kind, words in _SAID_BEFORE.items() if words.search(delivered.reason)}
    return [said for kind, said in found.differences if kind not in said_before or said == CHANGED]


CHANGED = "its text was changed since"
"""What is said also of a server that shows texts otherwise than they were sent."""

_MISSING = r"pictures are missing|picture (\d+ )?is missing"
_SAID_BEFORE = {
    "text": re.compile("shows the text otherwise"),
    "pictures": re.compile(f"{_MISSING}|pictures more"),
    "description": re.compile(_MISSING),
    "language": re.compile("marked as language"),
    "visibility": re.compile("visibility is"),
    "place": re.compile("stand in its thread"),
}


def exhausted(receipt: Receipt, number: int) -> Receipt:
    """Return the end of a delivery that was attempted often enough; what is not known stays unconfirmed."""
    reason = f"given up after {number} attempts, the last: {receipt.reason}"
    unknown = receipt.outcome is ReceiptOutcome.UNCONFIRMED
    outcome = ReceiptOutcome.UNCONFIRMED if unknown else ReceiptOutcome.FAILED
    return receipt.model_copy(update={"outcome": outcome, "final": True, "reason": reason, "retry_at": None})


def times_called(target: TargetState) -> int:
    """Return how many attempts on a place were called, or may have been.

    That one was not called is on record as held back, with no time to try again that a platform's answer would give.
    """
    said = [receipt for _, receipt in target.receipts if receipt.resolution_seq is None]
    called = {receipt.attempt_seq for receipt in said if not _says_not_called(receipt)}
    not_called = {receipt.attempt_seq for receipt in said} - called
    return len(set(target.effective) - not_called)


def _says_not_called(receipt: Receipt) -> bool:
    return receipt.outcome is ReceiptOutcome.WITHHELD and not receipt.final and receipt.retry_at is None


def to_be_tried_again(
    receipt: Receipt,
    state: RequestState,
    after: float | None,
    now: datetime,
    chance: float,
    pace: retry.DeliveryPace = retry.USUAL_PACE,
    *,
    not_let_in: bool = False,
) -> Receipt:
    """Return when it is tried again, or the end of a post that was attempted often enough.

    A profile that is ``not_let_in`` says nothing of the message: a person mends that, and it is tried until it expires.

    Args:
        receipt: of the newest attempt, which surely did not post.
        state: the request.
        after: the seconds that the platform asked for, if it did.
        now: the present time.
        chance: a number from 0 to below 1.
        pace: how soon and how often.
    """
    made = times_called(state.target(receipt.profile))
    if made >= pace.most_attempts and not not_let_in:
        return exhausted(receipt, made)
    until = state.verdict.valid_until if state.verdict is not None else None
    ends = min(state.request.expires_at, until) if until is not None else state.request.expires_at
    return receipt.model_copy(update={"retry_at": retry.again(made, after, now, ends, chance, pace.cap).at})


def without_attempt(
    request: Request, profile: str, platform: str, outcome: ReceiptOutcome, now: datetime, *, final: bool, reason: str
) -> Receipt:
    """Return the receipt of a request that ended on a profile without an attempt."""
    return Receipt(
        at=now,
        request_id=request.request_id,
        revision=request.revision,
        profile=profile,
        platform=platform,
        attempt_seq=0,
        outcome=outcome,
        final=final,
        reason=reason,
    )


def _receipt(of: Attempt, attempt_seq: int, now: datetime, **values: Any) -> Receipt:
    return Receipt(
        at=now,
        request_id=of.request_id,
        revision=of.revision,
        profile=of.profile,
        platform=of.platform,
        attempt_seq=attempt_seq,
        **values | {"reason": _line(values["reason"])},
    )


def _line(words: str) -> str:
    """Return words as a line that can be stored and shown: a server's may hold halves of characters and escapes."""
    return words if words.isprintable() else " ".join("".join(c if c.isprintable() else " " for c in words).split())


def _where(posted: Posted | None) -> dict[str, Any]:
    """Return where a post stands, or the beginning of a thread that stands without its end."""
    return {"url": posted.url, "remote_id": posted.remote_id} if posted else {}
