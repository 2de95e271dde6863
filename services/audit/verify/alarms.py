"""Alarms: what the audit service saw of a ledger that changed its story, with the evidence (``alarms.jsonl``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from schemas.events.base import Contract, Sha256, Utc
from services.audit.verify.files import ALARMS, complete_lines
from services.audit.verify.report import Violation


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
        """Return whether both say the same, whenever they were raised."""
        mine, its = (self.seq, self.code, self.evidence_body), (other.seq, other.code, other.evidence_body)
        return mine == its


def read_alarms(folder: Path) -> Iterator[Alarm]:
    """Yield the alarms of an audit folder; a line that cannot be read is an alarm of its own."""
    for number, raw in enumerate(complete_lines(folder / ALARMS), 1):
        try:
            yield Alarm.from_bytes(raw)
        except ValueError as error:
            raise AlarmsUnreadable(f"Line {number} of {ALARMS} cannot be read.") from error


class AlarmsUnreadable(ValueError):
    """The file of alarms itself was changed."""


def alarms_as_violations(folder: Path) -> tuple[Violation, ...]:
    """Return each alarm as a violation."""
    try:
        return tuple(Violation(alarm.seq, alarm.code, alarm.message) for alarm in read_alarms(folder))
    except AlarmsUnreadable as error:
        return (Violation(0, "alarms.damaged", str(error)),)
