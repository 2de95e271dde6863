"""What folding one entry comes to: what it changed, or why it does not count."""

from __future__ import annotations

from typing import NamedTuple


class Void(Exception):
    """An entry that does not count, and why."""


class LostRace(Void):
    """An entry that an honest service stored a moment too late, as it may: the ledger's order decided."""


def void_by(error: Exception) -> Void:
    """Return why an entry does not count that raised an error when it was folded."""
    if isinstance(error, ValueError):  # StrictJsonError and pydantic's ValidationError
        return Void(f"it cannot be read: {error}"[:300])
    return Void(f"it cannot be folded: {type(error).__name__}: {error}"[:300])


class Applied(NamedTuple):
    """What one entry changed: the kind, the keys of what it touches, and why it is void (empty: it counts).

    ``lost_race``: it is void only because it came a moment too late, which calls for no alarm.
    """

    seq: int
    kind: str
    keys: tuple[str, ...] = ()
    void: str = ""
    lost_race: bool = False
