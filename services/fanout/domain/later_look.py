"""When it is looked again at a post that another than its worker said of how it ended. Pure.

That worker may be stopped between its look and its call: it sends as it wakes, whenever that is, and may die before it
can say so. Nothing tells when: so the platform is asked after a minute, and then ever more seldom, for an hour.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.streams import LEASE_SECONDS
from services.kernel.fold.state import TargetState
from services.kernel.fold.taken_over import REMEMBERED

MOMENTS = (60.0, 180.0, 600.0, 1_800.0, 3_500.0)
"""Seconds after an attempt, for the usual lease, at which the platform is asked. A worker that is stopped for longer
counts as dead (services.kernel.fold.taken_over.REMEMBERED)."""


def looks_after(at: datetime, now: datetime, lease: float) -> tuple[datetime, ...]:
    """Return when it is still to be looked at an attempt that the server stored at a time, for a lease in seconds."""
    factor = lease / LEASE_SECONDS
    moments = (at + timedelta(seconds=one * factor) for one in MOMENTS)
    return tuple(one for one in moments if one > now)


def taken_up(at: datetime, now: datetime, lease: float) -> tuple[datetime, ...]:
    """Return the same for who has just started: also soon, for the looks that nobody made meanwhile."""
    soon = now + timedelta(seconds=lease)
    return (soon, *looks_after(at, soon, lease)) if now - at < REMEMBERED else ()


def may_be_wrong(target: TargetState, attempt_seq: int) -> bool:
    """Return whether what is on record of an attempt may be wrong: it says that nothing stands, or that nobody knows.

    What is under way is settled by its own lease, and a person's word that is not carried out yet counts first. What
    was said to stand once was known: that it is doubted since is the newer word. Where a later attempt may have posted,
    what is there may be its post.
    """
    decided = any(seq > target.receipt_last for seq, _ in target.resolutions)
    if target.is_open or target.is_standing or decided:
        return False
    if any(one.outcome is ReceiptOutcome.DELIVERED for one in _said(target, attempt_seq)):
        return False
    return all(_did_not_post(target, later) for later in target.effective if later > attempt_seq)


def _did_not_post(target: TargetState, attempt_seq: int) -> bool:
    said = _said(target, attempt_seq)
    return bool(said) and all(one.outcome in _NOT_POSTED and not one.remote_id for one in said)


def _said(target: TargetState, attempt_seq: int) -> list[Receipt]:
    return [one for _, one in target.receipts if one.attempt_seq == attempt_seq]


_NOT_POSTED = frozenset({ReceiptOutcome.WITHHELD, ReceiptOutcome.FAILED})
