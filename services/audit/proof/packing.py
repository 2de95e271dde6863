"""Packs the requests that have come to an end, so that a long record is verified in little memory. Pure.

Nothing is left out: whatever comes back to a request takes it out again (``ReplayState.request``).
"""

from __future__ import annotations

import zlib
from datetime import datetime

from schemas.events.deliveries import ReceiptOutcome
from services.audit.proof.plain_pickle import pickled
from services.audit.proof.replay_state import DeliveryContext, PackedRequest, ReplayState

MOST_LOOSE = 10_000
"""Requests and attempts that are kept as they are, at least; then those that were taken up first are packed."""


def pack_ended(state: ReplayState, most: int = MOST_LOOSE) -> None:
    """Pack requests that have come to an end, when more than ``most`` requests and attempts have gathered.

    What goes on is left, and gone through again only when as many have gathered once more.
    """
    if _loose(state) <= max(most, state.pack_above):
        return
    for name in list(state.contexts):
        context = state.contexts[name]
        if has_ended(context):
            _pack(state, name, context)
        if _loose(state) <= most // 2:
            break
    state.pack_above = 2 * _loose(state)


def has_ended(context: DeliveryContext) -> bool:
    """True when a request is decided, and how each of its attempts ended is known."""
    if context.verdict is None or context.counted.verdict is None:
        return False
    return all(one.receipt_seq and one.outcome is not ReceiptOutcome.UNCONFIRMED for one in context.attempts())


def quiet_since(context: DeliveryContext) -> datetime:
    """Return when a request came in, or when something was decided on it last."""
    return max(context.request_at, context.changed_at or context.request_at)


def _loose(state: ReplayState) -> int:
    return len(state.contexts) + len(state.attempts)


def _pack(state: ReplayState, name: str, context: DeliveryContext) -> None:
    attempts = context.attempts()
    body = zlib.compress(pickled((context, state.progress.at.pop(name, {}))), 1)
    state.packed[name] = PackedRequest(quiet_since(context), len(attempts), body)
    del state.contexts[name]
    for one in attempts:
        del state.attempts[one.seq]
