"""Where a request is, as a table: what changes it, and to what. Pure.

The phase follows from the entries on a request; no entry stores it. What changes nothing has no arrow: a cleared
verdict at a new control revision, a late verdict on what is over. The gate decides in the phases that a verdict can
change; what is over leaves memory. The diagram in docs/states.md is drawn from ``TABLE``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from schemas.events.verdicts import Outcome
from services.kernel.base.state_table import StateTable

if TYPE_CHECKING:
    from services.kernel.fold.state import RequestState


class RequestPhase(StrEnum):
    """Where a request is.

    ``taken back``: it was cleared, and its newest verdict is blocked. ``winding up``: it was cleared and is refused
    now; each profile gets a final receipt. ``unconfirmed``: each profile has one, and a person must say how a post
    ended. ``ended``: each profile has one, and it is known how each post ended.
    """

    UNDECIDED = "undecided"
    BLOCKED = "blocked"
    CLEARED = "cleared"
    TAKEN_BACK = "taken back"
    WINDING_UP = "winding up"
    UNCONFIRMED = "unconfirmed"
    ENDED = "ended"
    REFUSED = "refused"


class RequestEvent(StrEnum):
    """What changes a request's phase: a verdict, the last profile's final receipt, what is found out about a post."""

    VERDICT_CLEARED = "verdict cleared"
    VERDICT_BLOCKED = "verdict blocked"
    VERDICT_REFUSED = "verdict refused"
    LAST_RECEIPT = "last receipt"
    LAST_RECEIPT_UNCONFIRMED = "last receipt, one unconfirmed"
    FOUND_OUT = "found out or resolved"
    POST_AGAIN = "post again"
    POST_UNSURE = "a post has become unsure"
    POST_AGAIN_WHILE_BLOCKED = "post again while blocked"


_P, _E = RequestPhase, RequestEvent
_RECEIPTS = {_E.LAST_RECEIPT: _P.ENDED, _E.LAST_RECEIPT_UNCONFIRMED: _P.UNCONFIRMED}

_TRANSITIONS: dict[RequestPhase, dict[RequestEvent, RequestPhase]] = {
    _P.UNDECIDED: {
        _E.VERDICT_CLEARED: _P.CLEARED,
        _E.VERDICT_BLOCKED: _P.BLOCKED,
        _E.VERDICT_REFUSED: _P.REFUSED,
    },
    _P.BLOCKED: {_E.VERDICT_CLEARED: _P.CLEARED, _E.VERDICT_REFUSED: _P.REFUSED},
    _P.CLEARED: {_E.VERDICT_BLOCKED: _P.TAKEN_BACK, _E.VERDICT_REFUSED: _P.WINDING_UP, **_RECEIPTS},
    # An attempt that was under way when it was taken back still gets its receipt.
    _P.TAKEN_BACK: {_E.VERDICT_CLEARED: _P.CLEARED, _E.VERDICT_REFUSED: _P.WINDING_UP, **_RECEIPTS},
    _P.WINDING_UP: _RECEIPTS,
    _P.UNCONFIRMED: {
        _E.FOUND_OUT: _P.ENDED,
        _E.POST_AGAIN: _P.CLEARED,
        _E.POST_AGAIN_WHILE_BLOCKED: _P.TAKEN_BACK,
    },
    # A post may vanish later: its request comes back into memory.
    _P.ENDED: {_E.POST_UNSURE: _P.UNCONFIRMED},
    _P.REFUSED: {},
}

TABLE = StateTable(_P.UNDECIDED, _TRANSITIONS)

OVER = frozenset({_P.ENDED, _P.REFUSED})
"""The phases in which nothing is waited for: such a request leaves memory."""

OPEN_TO_A_VERDICT = frozenset(phase for phase, events in _TRANSITIONS.items() if _E.VERDICT_REFUSED in events)
"""The phases in which the gate decides."""


def phase_of(state: RequestState) -> RequestPhase:
    """Return where a request is."""
    unsettled = bool(state.unconfirmed or state.opened)
    if state.is_delivered:
        return RequestPhase.UNCONFIRMED if unsettled else RequestPhase.ENDED
    if state.verdict is None:
        return RequestPhase.UNDECIDED
    was_cleared = bool(state.wanted)
    match state.verdict.outcome:
        case Outcome.CLEARED:
            return RequestPhase.CLEARED
        case Outcome.BLOCKED:
            return RequestPhase.TAKEN_BACK if was_cleared else RequestPhase.BLOCKED
        case Outcome.REFUSED:
            return RequestPhase.WINDING_UP if was_cleared or unsettled else RequestPhase.REFUSED
