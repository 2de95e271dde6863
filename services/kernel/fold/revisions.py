"""The control revisions of a ledger: which one was in force where. Pure."""

from __future__ import annotations

from bisect import bisect_left

from schemas.events.control import Posture
from schemas.events.verdicts import Verdict

Revisions = list[tuple[int, Posture]]
"""The sequences of all entries on ``ledger.control``, junk too, each with the posture from there on."""


def revision_at(revisions: Revisions, seq: int) -> tuple[int, Posture]:
    """Return the control revision in force before an entry, and its posture."""
    place = bisect_left(revisions, seq, key=lambda revision: revision[0])
    return revisions[place - 1] if place else (0, Posture.ROUTINE)


def was_overtaken(revisions: Revisions, verdict: Verdict) -> bool:
    """Return whether control moved on only after everything that the verdict says that it was decided by."""
    place = bisect_left(revisions, verdict.control_seq, key=lambda revision: revision[0])
    known = [seq for seq, _ in revisions[place : place + 2]]
    return len(known) == 2 and known[0] == verdict.control_seq and verdict.as_of < known[1]
