"""The control revisions of a ledger: which one was in force where. Pure."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from typing import NamedTuple

from schemas.events.control import Posture
from schemas.events.verdicts import Verdict
from services.kernel.control.control_state import ControlState

Revisions = list[tuple[int, Posture]]
"""The sequences of all entries on ``ledger.control``, junk too, each with the posture from there on."""


class PostureAt(NamedTuple):
    """The posture from a control revision on, and when the server stored it."""

    seq: int
    at: datetime
    posture: Posture
    level: int | None
    incident: str | None
    hold: bool


def note_posture(postures: list[PostureAt], seq: int, at: datetime, control: ControlState) -> None:
    """Append the posture that a control entry left, where it is another one than before."""
    now = PostureAt(seq, at, control.posture, control.level, control.incident, control.hold)
    if not postures or postures[-1][2:] != now[2:]:
        postures.append(now)


def revision_at(revisions: Revisions, seq: int) -> tuple[int, Posture]:
    """Return the control revision in force before an entry, and its posture."""
    place = bisect_left(revisions, seq, key=lambda revision: revision[0])
    return revisions[place - 1] if place else (0, Posture.ROUTINE)


def was_overtaken(revisions: Revisions, verdict: Verdict) -> bool:
    """Return whether control moved on only after everything that the verdict says that it was decided by."""
    place = bisect_left(revisions, verdict.control_seq, key=lambda revision: revision[0])
    known = [seq for seq, _ in revisions[place : place + 2]]
    return len(known) == 2 and known[0] == verdict.control_seq and verdict.as_of < known[1]
