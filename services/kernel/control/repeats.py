"""Says whether an order repeats what is so: such an order is answered, and not written. Pure.

The fold does not ask this: whatever is in the ledger counts as it always did.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from schemas.events import control as c
from schemas.events.control import Posture
from services.kernel.control.control_state import ControlState


def repeats(state: ControlState, action: c.Action, now: datetime) -> bool:
    """Return whether the state is already as the action would make it; ``now``: a role that ended is no repeat."""
    if isinstance(action, c.Designate):
        return action.grant in state.grants_of(action.officer, now)
    return _SO_ALREADY.get(action.action, _never)(state, action)


def _active(state: ControlState, action: c.EocActivate | c.EocChange) -> bool:
    return state.under_eoc and (state.level, state.incident) == (action.level, action.incident)


def _crisis(state: ControlState, action: c.CrisisDeclare) -> bool:
    return state.posture is Posture.CRISIS and state.incident == action.incident


def _routine(state: ControlState, _action: c.EocStandDown | c.CrisisEnd) -> bool:
    return state.posture is Posture.ROUTINE


def _hold(state: ControlState, action: c.Hold) -> bool:
    return state.hold is action.on


def _withdrawn(state: ControlState, action: c.Withdraw) -> bool:
    return action.request_id in state.withdrawn


def _revoked(state: ControlState, action: c.Revoke) -> bool:
    return action.officer in state.revoked


def _added(state: ControlState, action: c.ProfileAdd) -> bool:
    return state.profiles.get(action.profile.id) == action.profile


def _suspended(state: ControlState, action: c.ProfileSuspend) -> bool:
    profile = state.profiles.get(action.profile)
    return profile is not None and not profile.official


def _never(_state: ControlState, _action: c.Action) -> bool:
    """Leave it to the fold: a profile to remove that is not there may have been mistyped, and is refused as unknown."""
    return False


_SO_ALREADY: dict[str, Callable[[ControlState, Any], bool]] = {
    "eoc_activate": _active,
    "eoc_change": _active,
    "eoc_stand_down": _routine,
    "crisis_declare": _crisis,
    "crisis_end": _routine,
    "hold": _hold,
    "withdraw": _withdrawn,
    "revoke": _revoked,
    "profile_add": _added,
    "profile_suspend": _suspended,
}
