"""The states of a delivery: one request on one profile, as its attempts and receipts that count make it. Pure.

An end is not for ever: a worker that was away may find out later that its post is there, a post may vanish, a person
decides what nobody could find out. But what may be public never becomes "not posted" without somebody having looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from schemas.events.deliveries import Receipt, ReceiptOutcome
from services.kernel.base.state_table import StateTable
from services.kernel.fold.state import TargetState


class DeliveryState(StrEnum):
    """What stands of a delivery."""

    WAITING = "waiting"
    """It is to be posted: nothing was attempted yet, or what was attempted was surely not posted."""
    HELD_BACK = "held_back"
    """It may not be posted behind this verdict; a newer one may change that."""
    UNDER_WAY = "under_way"
    """An attempt counts, and nothing was said of it yet."""
    LAPSED = "lapsed"
    """Its lease is over and nobody knows how it ended; the profile is free for other requests."""
    BEGUN = "begun"
    """The beginning of its thread is public, and its rest is to be posted, unless it may not be any more."""
    UNCERTAIN = "uncertain"
    """Nobody knows how it ended, and to repeat it is safe there."""
    DELIVERED = "delivered"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    """Nobody could find out how it ended: a person has to look."""
    EXPIRED = "expired"
    WITHHELD = "withheld"
    RECALLED = "recalled"
    """What it takes back does not stand any more."""


class DeliveryFact(StrEnum):
    """What an entry of the ledger says of a delivery. The ends are receipts that are final."""

    ATTEMPTED = "attempt"
    LEASE_OVER = "lease over"
    NOT_POSTED = "not posted"
    BEGUN = "a part is posted"
    NOT_KNOWN = "not known"
    HELD_BACK = "held back"
    POST_AGAIN = "post again, by a person"
    OF_AN_OLDER_ATTEMPT = "of an older attempt or none"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    EXPIRED = "expired"
    WITHHELD = "withheld"
    RECALLED = "recalled"


_S, _F = DeliveryState, DeliveryFact

_WITHOUT_ATTEMPT = {
    _F.HELD_BACK: _S.HELD_BACK,
    _F.EXPIRED: _S.EXPIRED,
    _F.WITHHELD: _S.WITHHELD,
    _F.FAILED: _S.FAILED,
}
_ANSWERED = {
    _F.NOT_POSTED: _S.WAITING,
    _F.BEGUN: _S.BEGUN,
    _F.NOT_KNOWN: _S.UNCERTAIN,
    _F.DELIVERED: _S.DELIVERED,
    _F.FAILED: _S.FAILED,
    _F.UNCONFIRMED: _S.UNCONFIRMED,
    _F.RECALLED: _S.RECALLED,
}
_FOUND_LATER = {_F.DELIVERED: _S.DELIVERED}
"""Who was away comes back with the platform's own word on its attempt."""
_UNSURE = {_F.UNCONFIRMED: _S.UNCONFIRMED}
_NOT_SURE = {_F.NOT_KNOWN: _S.UNCERTAIN, **_UNSURE}

TABLE: StateTable[DeliveryState, DeliveryFact] = StateTable(
    _S.WAITING,
    {
        _S.WAITING: {_F.ATTEMPTED: _S.UNDER_WAY, **_WITHOUT_ATTEMPT, **_FOUND_LATER},
        _S.HELD_BACK: {_F.ATTEMPTED: _S.UNDER_WAY, **_WITHOUT_ATTEMPT, **_FOUND_LATER},
        _S.UNDER_WAY: {**_ANSWERED, _F.LEASE_OVER: _S.LAPSED, _F.OF_AN_OLDER_ATTEMPT: _S.UNDER_WAY},
        _S.LAPSED: {**_ANSWERED, _F.LEASE_OVER: _S.LAPSED, _F.OF_AN_OLDER_ATTEMPT: _S.LAPSED},
        _S.BEGUN: {_F.ATTEMPTED: _S.UNDER_WAY, _F.BEGUN: _S.BEGUN, **_NOT_SURE, **_FOUND_LATER},
        _S.UNCERTAIN: {_F.ATTEMPTED: _S.UNDER_WAY, **_NOT_SURE, **_FOUND_LATER},
        _S.DELIVERED: {**_FOUND_LATER, **_UNSURE},
        _S.FAILED: _FOUND_LATER,
        _S.UNCONFIRMED: {**_UNSURE, **_FOUND_LATER, _F.FAILED: _S.FAILED, _F.POST_AGAIN: _S.WAITING},
        _S.EXPIRED: _FOUND_LATER,
        _S.WITHHELD: _FOUND_LATER,
        _S.RECALLED: {},
    },
)

OPEN = frozenset({_S.UNDER_WAY, _S.LAPSED})
ENDED = frozenset({_S.DELIVERED, _S.FAILED, _S.UNCONFIRMED, _S.EXPIRED, _S.WITHHELD, _S.RECALLED})
MAY_BE_PUBLIC = frozenset({_S.BEGUN, _S.UNCERTAIN, _S.UNCONFIRMED, _S.DELIVERED})
"""What may stand on the platform; it is never written down as surely not posted."""


def state_of(target: TargetState) -> DeliveryState:
    """Return the state of what the fold holds."""
    if target.is_open:
        return _S.LAPSED if target.lapsed else _S.UNDER_WAY
    receipt = target.receipt
    if receipt is None:
        return _S.WAITING
    if receipt.final:
        return DeliveryState(receipt.outcome)
    if receipt.outcome is ReceiptOutcome.UNCONFIRMED:
        return _S.UNCERTAIN
    if beginning_of(target) is not None:
        return _S.BEGUN
    return _S.HELD_BACK if _is_without_attempt(receipt) else _S.WAITING


def beginning_of(target: TargetState) -> Receipt | None:
    """Return the newest receipt that says what stands of a post, up to the last word of a person; None: nothing does.

    What comes later and says nothing of it, as an attempt that was not called, takes nothing of it back.
    """
    for _, receipt in reversed(target.receipts):
        if receipt.remote_id or receipt.resolution_seq is not None:
            return receipt if receipt.remote_id else None
    return None


def id_to_answer(receipts: Sequence[Receipt]) -> str:
    """Return the id of the post that another one may answer; empty where none is known that stands.

    Args:
        receipts: all that count on the place, in the ledger's order.

    A person's word comes before what was known: only the post that the person names stands, and it may have an id.
    """
    named: str | None = None
    for receipt in reversed(receipts):
        if receipt.remote_id and named in (None, receipt.url):
            return receipt.remote_id
        if named is None and receipt.resolution_seq is not None:
            named = receipt.url or ""
    return ""


def is_held_back(target: TargetState) -> bool:
    """Return whether only a newer verdict can bring it further, whatever stands of it."""
    receipt = target.receipt
    return receipt is not None and not (target.is_open or receipt.final) and _is_without_attempt(receipt)


def fact_of(receipt: Receipt, before: TargetState) -> DeliveryFact:
    """Return what a receipt says, given what stood before it."""
    if receipt.outcome is ReceiptOutcome.LAPSED:
        return _F.LEASE_OVER
    if before.is_open and receipt.attempt_seq != before.attempt_seq:
        return _F.OF_AN_OLDER_ATTEMPT
    if receipt.final:
        return DeliveryFact(receipt.outcome)
    if receipt.outcome is ReceiptOutcome.UNCONFIRMED:
        return _F.NOT_KNOWN
    if receipt.resolution_seq is not None:
        return _F.POST_AGAIN
    if receipt.remote_id or beginning_of(before) is not None:
        return _F.BEGUN
    return _F.HELD_BACK if _is_without_attempt(receipt) else _F.NOT_POSTED


def _is_without_attempt(receipt: Receipt) -> bool:
    return receipt.attempt_seq == 0 and receipt.resolution_seq is None
