"""What folding one entry comes to: what it changed, or why it does not count."""

from __future__ import annotations

from typing import NamedTuple


class Void(Exception):
    """An entry that does not count, and why."""


class LostRace(Void):
    """An entry that an honest service stored a moment too late, as it may: the ledger's order decided."""


class Applied(NamedTuple):
    """What one entry changed: the kind, the keys of what it touches, and why it is void (empty: it counts).

    ``lost_race``: it is void only because it came a moment too late, which calls for no alarm.
    """

    seq: int
    kind: str
    keys: tuple[str, ...] = ()
    void: str = ""
    lost_race: bool = False
