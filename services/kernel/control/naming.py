"""What an order that ends or changes something has to name: what stood when it was signed. Pure.

Who signs may not know of a newer activation, hold or change; an order that a thief holds back for a moment must not
end that one. What protects names nothing, so that nobody's orders can starve it.
"""

from __future__ import annotations

from dataclasses import replace

from schemas.events import control as c
from services.kernel.control.control_state import ControlFault, ControlState

_NAMES = {
    "eoc_change": "activation",
    "eoc_stand_down": "activation",
    "crisis_end": "crisis",
    "designate": "after",
    "reinstate": "after",
    "rekey": "after",
    "system_add": "after",
    "settings": "after",
    "profile_add": "after",
    "profile_remove": "after",
}
"""The field in which an action names what is there; a hold that is released names it in ``hold``."""


def place_of(action: c.ProposedAction) -> str | None:
    """Return what an action of the registry changes: ``officer:pio``, ``profile:fire-x``, ``settings``; else None."""
    match action:
        case c.Designate() | c.Revoke() | c.Reinstate() | c.Rekey():
            return f"officer:{action.officer}"
        case c.OfficerAdd():
            return f"officer:{action.officer.id}"
        case c.SystemAdd():
            return f"system:{action.system.id}"
        case c.SystemRemove():
            return f"system:{action.system}"
        case c.ProfileAdd():
            return f"profile:{action.profile.id}"
        case c.ProfileSuspend() | c.ProfileRemove():
            return f"profile:{action.profile}"
        case c.SettingsChange():
            return "settings"
        case _:
            return None


def field_of(action: c.ProposedAction) -> str | None:
    """Return the field in which an action names what it ends or changes; None where it names nothing."""
    if isinstance(action, c.Hold):
        return None if action.on else "hold"
    return _NAMES.get(action.action)


def what_stands(state: ControlState, action: c.ProposedAction) -> int:
    """Return the sequence that an action has to name; 0 where nothing is there, or it is as the manifest made it."""
    place = place_of(action)
    if place is not None:
        return state.changes.get(place, 0)
    return state.hold_seq if isinstance(action, c.Hold) else state.began_seq


def named(state: ControlState, action: c.Action) -> c.Action:
    """Return an action that names what is there, where it named nothing and has to."""
    field = field_of(action)
    if field is None or getattr(action, field) is not None:
        return action
    return action.model_copy(update={field: what_stands(state, action)})


def check_named(state: ControlState, action: c.ProposedAction, *, obliged: bool) -> None:
    """Check that an action names what is there; raises ControlFault ``order.unnamed``, ``order.other``."""
    field = field_of(action)
    if field is None:
        return
    name, stands = getattr(action, field), what_stands(state, action)
    what = f"change of {place_of(action)}" if field == "after" else field
    if name is None:
        if obliged:
            raise ControlFault("order.unnamed", f"it does not name the {what} that it is about")
    elif name != stands:
        raise ControlFault("order.other", f"it is about the {what} at {name}, and {stands or 'none'} is in force")


def noted(state: ControlState, action: c.ProposedAction, seq: int) -> ControlState:
    """Return the state that knows where an action changed something."""
    place = place_of(action)
    return state if place is None else replace(state, changes={**state.changes, place: seq})
