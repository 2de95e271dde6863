"""Entries that should not be there, and that an officer has signed for: the record verifies with them, and says so.

Only what the replay finds wrong with the entry itself is accepted. A hash that does not fit, an entry that is missing
or a checkpoint that is contradicted never is. Pure but for the files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from schemas import canonical
from schemas.events.audit import QuarantineStatement
from schemas.events.envelope import QUARANTINE_TYPE, Envelope
from schemas.roles import OFFICE_OR_APPROVER
from services.audit.proof.replay import judge
from services.audit.proof.replay_state import PinnedKeys, ReplayState
from services.audit.record.alarm_log import AlarmLog
from services.audit.record.alarms import QUARANTINED, Alarm, AlarmsUnreadable, read_alarms
from services.audit.record.format import RecordEntry
from services.audit.record.reader import RecordReader
from services.audit.record.violation import Violation
from services.kernel.authority.signing import Signer, verified_by
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Refused
from services.kernel.control.control_state import ControlState


class Quarantines:
    """The quarantined entries of one record, while it is verified."""

    def __init__(self, folder: Path) -> None:
        """Read them; what cannot be read is reported by the alarms' own check."""
        self._faults: list[Violation] = []
        self._envelopes: dict[int, Envelope] = {}
        self._entries: dict[int, str] = {}
        try:
            for alarm in read_alarms(folder):
                if alarm.code == QUARANTINED:
                    self._envelopes[alarm.seq] = Envelope.from_bytes(alarm.evidence.encode())
        except (AlarmsUnreadable, ValueError):
            self._faults.append(Violation(0, "quarantine.damaged", "A quarantine cannot be read."))

    def __bool__(self) -> bool:
        """True where somebody signed for an entry."""
        return bool(self._envelopes)

    def see(self, entry: RecordEntry) -> None:
        """Take note of an entry of the record."""
        if entry.seq in self._envelopes:
            self._entries[entry.seq] = digest_of_entry(entry)

    def weigh(self, state: ReplayState, found: Iterable[Violation]) -> tuple[list[Violation], list[Violation]]:
        """Return what stays a violation, and what an officer has signed for, as warnings."""
        signed: dict[int, QuarantineStatement] = {}
        left, accepted = list(self._faults), list[Violation]()
        for seq, envelope in self._envelopes.items():
            statement, fault = self._opened(seq, envelope, state)
            if statement is None:
                left.append(
                    Violation(seq, "quarantine.invalid", f"The quarantine of entry {seq} does not stand: {fault}.")
                )
            else:
                signed[seq] = statement
        for one in found:
            known = signed.get(one.seq)
            if known is None:
                left.append(one)
            else:
                said = f"{one.message} Quarantined by {known.officer}: {known.reason.rstrip('.')}."
                accepted.append(replace(one, message=said))
        return left, accepted

    def _opened(self, seq: int, envelope: Envelope, state: ReplayState) -> tuple[QuarantineStatement | None, str]:
        try:
            statement = QuarantineStatement.from_bytes(envelope.payload_bytes())
        except ValueError:
            return None, "it cannot be read"
        key = state.control.keys_at(statement.officer, statement.last_seq).nkey
        if key is None or verified_by(envelope, QUARANTINE_TYPE) != {key}:
            return None, f"it is not signed by the key of {statement.officer}"
        if not may_quarantine(state.control, statement.officer):
            return None, f"{statement.officer} never held a role that could"
        if (statement.realm, statement.seq) != (state.pinned.realm, seq):
            return None, f"it is signed for entry {statement.seq} of the realm {statement.realm}"
        if statement.entry != self._entries.get(seq):
            return None, "another entry is there than was signed for"
        return statement, ""


def digest_of_entry(entry: RecordEntry) -> str:
    """Return the hash by which a quarantine names an entry."""
    return canonical.sha256(entry.subject.encode() + b"\n" + entry.data)


def may_quarantine(control: ControlState, officer: str) -> bool:
    """Say whether an officer was ever given a role of the office or of an approver."""
    person = control.officers.get(officer)
    return person is not None and any(grant.role in OFFICE_OR_APPROVER for grant in person.grants)


@dataclass(frozen=True)
class Examined:
    """An entry that something is wrong with. ``found``: what; ``last_seq``: where the record ends."""

    entry: RecordEntry
    found: tuple[Violation, ...]
    control: ControlState
    last_seq: int


def examine(city: City, keys: PinnedKeys, seq: int) -> Examined:
    """Return what is wrong with one entry of the record.

    Raises:
        BadInput: ``quarantine.unknown``: there is no such entry. ``quarantine.sound``: nothing is wrong with it.
    """
    state, entry, found = ReplayState(keys), None, list[Violation]()
    reader = RecordReader(city.audit_folder, city.realm, keys.audit_keys)
    for one in reader.entries():
        judged = list(judge(state, one))
        if one.seq == seq:
            entry = one
        found += judged
    if entry is None:
        raise BadInput("quarantine.unknown", f"the record has no entry {seq}", "onevoice audit verify names them")
    found += [*state.void_as_warnings(), *state.void_as_violations(), *state.warnings]
    about = tuple(one for one in found if one.seq == seq)
    if not about:
        raise BadInput("quarantine.sound", f"nothing is wrong with entry {seq}", "onevoice audit verify names what is")
    return Examined(entry, about, state.control, reader.last_seq)


def quarantine(city: City, examined: Examined, signer: Signer, officer: str, reason: str, now: datetime) -> None:
    """Put an officer's signed word on an entry into the chain of alarms; the caller holds the folder's lock.

    Raises:
        Refused: ``quarantine.role``: the officer holds no role that could.
    """
    if not examined.control.roles_of(officer, now) & OFFICE_OR_APPROVER:
        roles = ", ".join(sorted(OFFICE_OR_APPROVER))
        raise Refused("quarantine.role", f"{officer} holds no role that could accept an entry", f"one of {roles} may")
    seq = examined.entry.seq
    statement = QuarantineStatement(
        realm=city.realm,
        seq=seq,
        entry=digest_of_entry(examined.entry),
        last_seq=examined.last_seq,
        reason=reason,
        officer=officer,
        issued_at=now,
    )
    envelope = signer.sign(QUARANTINE_TYPE, statement).to_bytes()
    message = f"Entry {seq} was quarantined by {officer}: {reason.rstrip('.')}."
    log = AlarmLog(city.audit_folder)
    try:
        body = canonical.sha256(envelope)
        log.add(
            Alarm(at=now, seq=seq, code=QUARANTINED, message=message, evidence=envelope.decode(), evidence_body=body)
        )
    finally:
        log.close()
