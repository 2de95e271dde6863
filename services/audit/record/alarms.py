"""Alarms: what the audit service saw of a ledger that changed, with the evidence (``alarms.jsonl``).

The file only grows, and is a hash chain: ``head_n = SHA-256(head_(n-1) || line_n)``, and ``head_0`` is the SHA-256 of
no bytes. Each checkpoint signs how many alarms there are and their head, so that none can be deleted.

A person who has looked closes them with a name and a reason: then ``alarms-closed.jsonl`` names them too, and they are
a warning of each verification instead of a violation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from schemas.events.base import Contract, Id, Sha256, Utc
from services.audit.record.folder import ALARMS, CLOSED
from services.audit.record.violation import Violation
from services.kernel.base.files import write_atomically
from services.kernel.base.line_files import complete_lines

QUARANTINED = "entry.quarantined"
"""The code of a line that is no alarm: an officer's signed word on an entry, an envelope in ``evidence``."""


class Alarm(Contract):
    """One line of ``alarms.jsonl``. ``evidence`` is the line that the ledger showed, in the copy's own form,
    ``evidence_body`` the SHA-256 of the event in it.
    """

    at: Utc
    seq: int
    code: str
    message: str
    evidence: str = ""
    evidence_body: Sha256 | None = None

    def same_as(self, other: Alarm) -> bool:
        """Return whether both mean the same, whenever they were raised."""
        mine, its = (self.seq, self.code, self.evidence_body), (other.seq, other.code, other.evidence_body)
        return mine == its


class ClosedAlarm(Contract):
    """One line of ``alarms-closed.jsonl``: who closed an alarm, when and why."""

    at: Utc
    by: Id
    reason: str
    alarm: Alarm


def read_alarms(folder: Path) -> Iterator[Alarm]:
    """Yield the alarms of an audit folder; a line that cannot be read is an alarm of its own."""
    for number, raw in enumerate(complete_lines(folder / ALARMS), 1):
        try:
            yield Alarm.from_bytes(raw)
        except ValueError as error:
            raise AlarmsUnreadable(f"Line {number} of {ALARMS} cannot be read.") from error


class AlarmsUnreadable(ValueError):
    """The file of alarms itself was changed."""


def open_alarms(folder: Path) -> tuple[Alarm, ...]:
    """Return the alarms that nobody closed; raises AlarmsUnreadable."""
    closed = {one.alarm for one in read_closed(folder)}
    return tuple(alarm for alarm in read_alarms(folder) if alarm.code != QUARANTINED and alarm not in closed)


def alarm_heads(folder: Path) -> tuple[str, ...]:
    """Return the head of the alarms' hash chain (hexadecimal) after 0, 1, 2 ... lines."""
    heads = [hashlib.sha256().digest()]
    for line in complete_lines(folder / ALARMS):
        heads.append(hashlib.sha256(heads[-1] + line).digest())
    return tuple(head.hex() for head in heads)


def alarms_as_violations(folder: Path) -> tuple[Violation, ...]:
    """Return each open alarm as a violation."""
    try:
        return tuple(Violation(alarm.seq, alarm.code, alarm.message) for alarm in open_alarms(folder))
    except AlarmsUnreadable as error:
        return (Violation(0, "alarms.damaged", str(error)),)


def read_closed(folder: Path) -> tuple[ClosedAlarm, ...]:
    """Return the alarms that were closed, in that order; raises AlarmsUnreadable."""
    try:
        return tuple(ClosedAlarm.from_bytes(raw) for raw in complete_lines(folder / CLOSED))
    except ValueError as error:
        raise AlarmsUnreadable(f"A line of {CLOSED} cannot be read.") from error


def closed_as_warnings(folder: Path) -> tuple[Violation, ...]:
    """Return each closed alarm as a warning that says who closed it and why."""
    try:
        closed = read_closed(folder)
    except AlarmsUnreadable as error:
        return (Violation(0, "alarms.damaged", str(error)),)
    return tuple(
        Violation(one.alarm.seq, "alarm.closed", f"{one.alarm.message} Closed by {one.by}: {one.reason}")
        for one in closed
    )


def close_alarms(folder: Path, by: str, reason: str, at: datetime) -> int:
    """Close all open alarms; return their number. They stay where they stand. The caller holds the folder's lock.

    Raises:
        AlarmsUnreadable: the file of alarms, or of closed ones, cannot be read.
        OSError: the disk does not take them; the alarms stand as they did.
    """
    closed_before = read_closed(folder)
    closing = [ClosedAlarm(at=at, by=by, reason=reason, alarm=alarm) for alarm in open_alarms(folder)]
    if closing:
        lines = b"".join(one.to_bytes() + b"\n" for one in (*closed_before, *closing))
        write_atomically(folder / CLOSED, lines, mode=0o600)
    return len(closing)
