"""Hints as the person at this desk types them: each command names the realm in use, where that is the exercise."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.events.authority import Realm

_realm: ContextVar[Realm] = ContextVar("realm", default="live")


def hint_in(realm: Realm) -> None:
    """Have the commands of hints name this realm from now on."""
    _realm.set(realm)


def typed(text: str) -> str:
    """Return a hint, or a sentence with commands, to be typed in the realm in use; never for words of a message."""
    from services.kernel.base.hints import in_realm

    return in_realm(text, _realm.get())
