"""Where alarms go: ``alarms.jsonl``, which only grows, each alarm once."""

from __future__ import annotations

from pathlib import Path

from services.audit.record.alarms import Alarm, AlarmsUnreadable, open_alarms
from services.audit.record.folder import ALARMS
from services.audit.record.violation import Violation
from services.audit.record.writer import Damaged, RecordFile

_LASTING = frozenset({"ledger.hole", "ledger.late"})


class AlarmLog:
    """The open alarms of one audit folder. They stay, and fail each verification, until a person closes them."""

    def __init__(self, folder: Path) -> None:
        """Open the file; raises Damaged when it cannot be read."""
        self._file = RecordFile(folder / ALARMS)
        try:
            self._alarms = list(open_alarms(folder))
        except AlarmsUnreadable as error:
            self._file.close()
            raise Damaged(
                "alarms.damaged", f"{folder / ALARMS}: {error}", "look at the file, and move it away"
            ) from error

    def __len__(self) -> int:
        return len(self._alarms)

    def lasting(self) -> Violation | None:
        """Return the first alarm that no comparison with the ledger can answer: the copy lacks the entry too."""
        found = next((alarm for alarm in self._alarms if alarm.code in _LASTING), None)
        return Violation(found.seq, found.code, found.message) if found else None

    def add(self, alarm: Alarm) -> bool:
        """Keep an alarm, durable when this returns; return whether it is a new one."""
        if any(alarm.same_as(known) or _tells_no_more(alarm, known) for known in self._alarms):
            return False
        self._file.add(alarm.to_bytes() + b"\n")
        self._alarms.append(alarm)
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _tells_no_more(alarm: Alarm, known: Alarm) -> bool:
    """True for an alarm without evidence where one of its kind is at the same place."""
    return alarm.evidence_body is None and (alarm.seq, alarm.code) == (known.seq, known.code)
