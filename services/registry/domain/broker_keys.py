"""Decides whether people and systems may have the keys that an order gives them, beside the broker's other users. Pure.

That nobody else of this realm has a key is the fold's to say.
"""

from __future__ import annotations

from collections.abc import Iterable

from schemas import flow
from schemas.events.control import Action, OfficerAdd, Reinstate, Rekey, SystemAdd
from services.kernel.base.errors import BadInput, Refused
from services.kernel.base.network.broker_users import BrokerUser


def check_user(action: Action, ours: Iterable[BrokerUser], theirs: Iterable[BrokerUser]) -> None:
    """Check an order that gives somebody a key: the broker takes each key once.

    Args:
        action: what is ordered.
        ours: the broker's users in this realm.
        theirs: those in the other realm.

    Raises:
        BadInput: ``officer.reserved``, ``system.reserved``.
        Refused: ``key.used``.
    """
    if isinstance(action, OfficerAdd):
        _check_name(action.officer.id, "officer")
    if isinstance(action, SystemAdd):
        _check_name(action.system.id, "system")
    used = {one.key: f"{one.name} in the other realm" for one in theirs}
    used |= {one.key: f"{one.name}, a user of OneVoice itself" for one in ours if one.own}
    for key in _keys(action):
        if key in used:
            hint = "make a new key: onevoice enroll, or onevoice keys rotate"
            raise Refused("key.used", f"this key is that of {used[key]}", hint)


def _check_name(name: str, what: str) -> None:
    if name in flow.RESERVED:
        raise BadInput(f"{what}.reserved", f"{name} is the name of a user of OneVoice itself", "give another id")


def _keys(action: Action) -> tuple[str | None, ...]:
    if isinstance(action, SystemAdd):
        return (action.system.public_key,)
    if isinstance(action, OfficerAdd):
        return action.officer.public_key, action.officer.login_key
    return (action.public_key, action.login_key) if isinstance(action, Reinstate | Rekey) else ()
