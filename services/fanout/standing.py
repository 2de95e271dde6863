"""Where a delivery stands, and what is next, pure.

``next_step`` reads the facts in one order: first what is open is settled, whatever became of the verdict; then what
is over or stale is dropped; only then may something be posted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.events.deliveries import Attempt, Delivery, Receipt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from services.fanout.plan import settled

CLOCK_SLACK = 1.0
"""Seconds added to a lease before another worker's attempt counts as over."""


@dataclass(frozen=True)
class Standing:
    """What the ledger says of one request on one profile. Sequences are 0 where there is nothing.

    ``attempt_at`` is the ledger's own time of the last attempt; ``answered``: a receipt names that attempt, be it the
    last receipt or not.
    """

    request: Request | None
    verdict: Verdict | None
    verdict_seq: int
    attempt: Attempt | None
    attempt_seq: int
    attempt_at: datetime | None
    receipt: Receipt | None
    receipt_seq: int
    answered: bool

    @property
    def open_attempt(self) -> Attempt | None:
        """The last attempt while no receipt names it: it may or may not have posted."""
        return None if self.answered else self.attempt


@dataclass(frozen=True)
class Drop:
    """Nothing is to be done (any more); a newer verdict makes its own delivery."""

    reason: str


@dataclass(frozen=True)
class Wait:
    """Look again after ``delay`` seconds."""

    delay: float
    reason: str


@dataclass(frozen=True)
class Settle:
    """An attempt is open and its lease is over since ``over_for`` seconds: find out how it ended."""

    attempt: Attempt
    attempt_seq: int
    over_for: float


@dataclass(frozen=True)
class End:
    """It ends without a post: expired, or withheld. ``final`` unless a new clearance may still come."""

    outcome: ReceiptOutcome
    final: bool
    reason: str


@dataclass(frozen=True)
class Post:
    """Post it, as attempt ``number``, if the warrant has no objection."""

    number: int


Step = Drop | Wait | Settle | End | Post


def next_step(delivery: Delivery, standing: Standing, now: datetime, ledger_now: datetime, lease: float) -> Step:
    """Return what is next for a delivery.

    Args:
        delivery: as it was queued.
        standing: what the ledger says.
        now: the present time.
        ledger_now: the present time by the clock that stamps the ledger: whether a lease is over is a matter of
            one clock, as those of two machines differ.
        lease: how long an attempt may be under way, in seconds.
    """
    if standing.open_attempt is not None:
        return _open(standing, standing.open_attempt, ledger_now, lease)
    over = _over(delivery, standing)
    if over:
        return Drop(over)
    end = _end(delivery, standing, now)
    if end:
        return end
    if standing.verdict_seq != delivery.verdict_seq:
        return Drop("a newer verdict stands")
    receipt = standing.receipt
    if receipt is not None and receipt.retry_at is not None and receipt.retry_at > now:
        return Wait((receipt.retry_at - now).total_seconds(), "the platform asked to wait")
    return Post(standing.attempt.number + 1 if standing.attempt else 1)


def _open(standing: Standing, attempt: Attempt, ledger_now: datetime, lease: float) -> Step:
    began = standing.attempt_at or ledger_now
    left = (began + timedelta(seconds=lease + CLOCK_SLACK) - ledger_now).total_seconds()
    if left > 0:
        return Wait(left, f"attempt {attempt.number} may still be under way")
    return Settle(attempt, standing.attempt_seq, -left)


def _over(delivery: Delivery, standing: Standing) -> str:
    receipt, attempt, request = standing.receipt, standing.attempt, standing.request
    if settled(receipt, delivery.revision):
        return "it has its final receipt"
    if attempt is not None and attempt.revision > delivery.revision:
        return "a newer revision was attempted"
    if request is None or request.revision != delivery.revision:
        return "a newer revision was submitted"
    ended = receipt is not None and receipt.attempt_seq == 0 and receipt.outcome in _ENDED
    return f"it is on record as {receipt.outcome}" if receipt and ended and _later(standing, delivery) else ""


_ENDED = (ReceiptOutcome.EXPIRED, ReceiptOutcome.UNCONFIRMED)


def _later(standing: Standing, delivery: Delivery) -> bool:
    """True when the last receipt was written after the delivery's verdict."""
    return standing.receipt_seq > delivery.verdict_seq


def _end(delivery: Delivery, standing: Standing, now: datetime) -> End | None:
    """Return how it ends without another attempt. What may be public never ends as surely not posted."""
    end, receipt = _ended(delivery, standing, now), standing.receipt
    if end is None or receipt is None or receipt.outcome is not ReceiptOutcome.UNCONFIRMED:
        return end
    return End(ReceiptOutcome.UNCONFIRMED, end.final, f"it may stand or not, please look at the profile; {end.reason}")


def _ended(delivery: Delivery, standing: Standing, now: datetime) -> End | None:
    """Return what ends it: a delivery that nothing follows must not vanish without a receipt (invariant 5)."""
    request, verdict = standing.request, standing.verdict
    if request is not None and request.expires_at <= now:
        when = f"{request.expires_at:%Y-%m-%d %H:%M:%S}"
        return End(ReceiptOutcome.EXPIRED, True, f"the request expired at {when} UTC: missed, not late")
    if verdict is not None and verdict.outcome is Outcome.REFUSED and standing.verdict_seq > delivery.verdict_seq:
        return End(ReceiptOutcome.WITHHELD, True, "the request was refused after it had been cleared")
    if standing.verdict_seq == delivery.verdict_seq and delivery.expires_at <= now:
        when = f"{delivery.expires_at:%H:%M:%S}"
        return End(ReceiptOutcome.EXPIRED, False, f"the clearance ended at {when} UTC; a new approval renews it")
    return None
