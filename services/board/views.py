"""Views of one request, pure: what the ledger says of it, in the shape that people are shown."""

from __future__ import annotations

from schemas.events.dead import LetterView
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.events.desk import DeliveryView
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict


def delivery_view(
    profile: str,
    platform: str,
    *,
    queued: bool,
    attempt: tuple[int, Attempt] | None,
    receipt: Receipt | None,
    receipt_seq: int = 0,
) -> DeliveryView | None:
    """Return how one profile stands: not yet queued (None), queued, posting, or its newest receipt.

    Args:
        profile: the profile's id.
        platform: its platform.
        queued: whether a delivery stands in the ledger.
        attempt: the newest attempt and its sequence.
        receipt: the newest receipt.
        receipt_seq: its sequence.
    """
    if attempt is not None and (receipt is None or receipt.attempt_seq < attempt[0]) and not _final(receipt):
        return DeliveryView(profile=profile, platform=platform, outcome="posting", receipt_seq=receipt_seq)
    if receipt is not None:
        return DeliveryView(
            profile=profile,
            platform=platform,
            outcome=str(receipt.outcome),
            url=receipt.url,
            reason=receipt.reason,
            final=receipt.final,
            receipt_seq=receipt_seq,
        )
    return DeliveryView(profile=profile, platform=platform, outcome="queued") if queued else None


def _final(receipt: Receipt | None) -> bool:
    return receipt is not None and receipt.final


def with_letter(view: DeliveryView, letter: LetterView | None) -> DeliveryView:
    """Return a delivery's view that says when the delivery was put aside and why, unless it has ended otherwise."""
    if letter is None or view.final or letter.state == "failed_again":
        return view
    if letter.state == "dropped":
        said = f"dropped by {letter.officer}: {letter.said}"
    else:
        said = f"{letter.reason} (onevoice dead again {letter.letter})"
    return view.model_copy(update={"outcome": "put_aside", "url": None, "reason": said})


def is_pending(request: Request, verdict: Verdict | None, deliveries: tuple[DeliveryView, ...]) -> bool:
    """True when a request still waits for something: a verdict, an approval, a delivery, or a person's look."""
    if any(delivery.outcome == ReceiptOutcome.UNCONFIRMED for delivery in deliveries):
        return True
    if verdict is None or verdict.outcome is Outcome.BLOCKED:
        return True
    settled = {delivery.profile for delivery in deliveries if delivery.final}
    return verdict.outcome is Outcome.CLEARED and not settled >= set(request.targets)
