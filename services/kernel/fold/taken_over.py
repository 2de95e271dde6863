"""The attempts that another than their worker answered, and which of them turned out to be public. Pure.

Such a worker may be stopped between its look and its call, and send as it wakes. So its attempt is remembered: the
barrier of activation names it, fan-out looks again at its profile, and what is found there later is shown to people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas.events.broadcasts import LatePost
from schemas.events.control import UnknownPost
from schemas.events.deliveries import Receipt, ReceiptOutcome
from services.kernel.fold.chain import Chain
from services.kernel.fold.state import RequestState
from services.kernel.ledger.entry import Entry

REMEMBERED = timedelta(hours=1)
"""How long an attempt that another answered is remembered: a worker that is stopped for longer counts as dead."""

SHOWN = timedelta(days=1)
"""How long it is shown that a post is public although it was taken back, by the broker's time."""

_CARRIED_OUT = frozenset({ReceiptOutcome.DELIVERED, ReceiptOutcome.RECALLED})


@dataclass(frozen=True)
class TakenOver:
    """An attempt that another than its worker answered, or that was named as unknown before anybody did.

    ``at`` is when the server stored the attempt, ``folded_at`` when it was folded here (boot-time seconds). ``stands``
    is where its post is public (its address or id); the empty text: nothing on record says that it is.
    ``late``: that was said after another receipt had said otherwise, and while its request was not cleared, or was
    corrected or recalled already. ``missed``: the sequence of the receipt that said it, where a correction or recall
    had been cleared before and was not made on the profile since; 0 else.
    """

    profile: str
    request_id: str
    worker: str
    answered_by: str
    at: datetime
    folded_at: float
    stands: str = ""
    late: bool = False
    missed: int = 0


def after_receipt(
    known: dict[int, TakenOver],
    receipt: Receipt,
    state: RequestState,
    named: Iterable[UnknownPost],
    chain: Chain,
    entry: Entry,
) -> dict[int, TakenOver]:
    """Return what is remembered after a receipt that counts; what is long ago is left out.

    Args:
        known: what was remembered; it is not changed.
        receipt: the receipt.
        state: its request before it.
        named: the posts that are named as unknown.
        chain: which request replaces which.
        entry: where the receipt stands.
    """
    known = _reached(known, receipt, chain)
    seq, target = receipt.attempt_seq, state.target(receipt.profile)
    one = known.get(seq)
    stands = _where(receipt)
    missed = entry.seq if stands and receipt.request_id in chain.replaced else 0
    if one is not None:
        if one.stands or not stands:
            return known
        return {**known, seq: replace(one, stands=stands, late=bool(missed) or not state.is_cleared, missed=missed)}
    attempt, at = target.attempt, target.attempt_at
    if attempt is None or at is None or seq != target.attempt_seq or target.answered:
        return known
    unknown = {post.attempt_seq for post in named}
    by = receipt.worker or attempt.worker
    if by == attempt.worker and seq not in unknown:
        return known
    kept = {seq: one for seq, one in known.items() if _is_kept(seq, one, unknown, entry.at)}
    kept[seq] = TakenOver(
        receipt.profile, receipt.request_id, attempt.worker, by, at, target.folded_at, stands, missed=missed
    )
    return kept


def _reached(known: dict[int, TakenOver], receipt: Receipt, chain: Chain) -> dict[int, TakenOver]:
    """Return what is remembered after a correction or recall was made on a profile: it missed nothing before that."""
    if receipt.outcome not in _CARRIED_OUT:
        return known
    made = max(receipt.attempt_seq, receipt.resolution_seq or 0)
    reached = {
        seq: replace(one, missed=0)
        for seq, one in known.items()
        if 0 < one.missed < made and one.profile == receipt.profile
        if receipt.request_id in chain.replacing(one.request_id)
    }
    return {**known, **reached} if reached else known


def late_posts(
    known: Mapping[int, TakenOver], named: Iterable[UnknownPost], replaced: Mapping[str, str], now: datetime | None
) -> tuple[LatePost, ...]:
    """Return the posts that are public although they were taken back, or were named as unknown: a person has to look.

    Args:
        known: what is remembered.
        named: the posts that are named as unknown.
        replaced: the requests that a correction or recall has replaced, each with that one.
        now: the broker's time in UTC, or what it is at the least; None where it never stored anything.
    """
    unknown = {post.attempt_seq for post in named}
    return tuple(
        LatePost(
            profile=one.profile,
            request_id=one.request_id,
            attempt_seq=seq,
            address=one.stands,
            attempted_at=one.at,
            replaced_by=replaced.get(one.request_id),
        )
        for seq, one in sorted(known.items())
        if one.stands and (one.missed or one.request_id not in replaced)
        if seq in unknown or (one.late and (now is None or now - one.at < SHOWN))
    )


def still_unknown(known: Mapping[int, TakenOver], named: Iterable[UnknownPost]) -> tuple[UnknownPost, ...]:
    """Return the named posts of which nothing on record says that they are public."""
    return tuple(post for post in named if post.attempt_seq not in known or not known[post.attempt_seq].stands)


def _where(receipt: Receipt) -> str:
    if receipt.outcome is not ReceiptOutcome.DELIVERED:
        return ""
    return receipt.url or receipt.remote_id or receipt.profile


def _is_kept(seq: int, one: TakenOver, unknown: set[int], now: datetime) -> bool:
    return seq in unknown or now - one.at < (SHOWN if one.late else REMEMBERED)
