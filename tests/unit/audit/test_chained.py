"""Checkpoints and alarms are chains, and checkpoints kept elsewhere bind who holds the folder and the audit key."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.events.audit import Checkpoint
from schemas.events.envelope import Envelope
from services.audit.proof import Report, trusted_keys, verify_record
from services.audit.record.alarm_log import AlarmLog
from services.audit.record.alarms import Alarm, close_alarms
from services.audit.record.audit_keys import AuditKeys
from services.audit.record.folder import ALARMS, CHECKPOINTS, LEDGER
from services.audit.record.format import read_line
from services.audit.record.witness import WitnessError, read_witnessed, witness_line
from services.audit.record.writer import RecordWriter
from services.kernel.base.city import City
from services.kernel.base.errors import Unproven
from tests.support.ledger_builder import START, LedgerBuilder, story, stranger
from tests.unit.audit.conftest import moved

ALARM = Alarm(at=START, seq=3, code="ledger.rewritten", message="The ledger shows another body at 3.")
OTHER = ALARM.model_copy(update={"seq": 4})


class Kept:
    """A record on disk, and what its audit service would need to go on."""

    def __init__(self, city: City) -> None:
        self.city, self.builder = city, LedgerBuilder(city)

    @property
    def folder(self) -> Path:
        return self.city.audit_folder

    def write(self) -> None:
        """Write the builder's entries one by one, a checkpoint after each."""
        with self.writer() as writer:
            for entry in self.builder.entries[writer.size :]:
                writer.append([entry])
                writer.seal(self.builder.now)

    def writer(self) -> RecordWriter:
        return RecordWriter(self.folder, self.city.realm, self.builder.audit_signer())

    def raise_alarms(self, *alarms: Alarm) -> None:
        log = AlarmLog(self.folder)
        with self.writer() as writer:
            for alarm in alarms:
                assert log.add(alarm)
                writer.seal(self.builder.now)
        log.close()

    def verify(self, known: tuple[Checkpoint, ...] = ()) -> Report:
        return verify_record(self.city, self.builder.now, known=known)

    def codes(self, known: tuple[Checkpoint, ...] = ()) -> set[str]:
        return {one.code for one in self.verify(known).violations}

    def checkpoints(self) -> list[bytes]:
        return (self.folder / CHECKPOINTS).read_bytes().splitlines(keepends=True)

    def newest(self) -> Checkpoint:
        return Checkpoint.from_bytes(Envelope.from_bytes(self.checkpoints()[-1]).payload_bytes())


@pytest.fixture
def kept(city: City, tmp_path: Path) -> Kept:
    """A clean record of a day, in a folder of its own, with the city's keys."""
    place = moved(city, tmp_path)
    made = Kept(place)
    made.builder = story(LedgerBuilder(city))
    made.write()
    assert made.verify().ok
    return made


def test_checkpoints_taken_out_are_found(kept: Kept) -> None:
    """All but one, the first, or one in the middle: each names the one before it."""
    signed = kept.checkpoints()
    for left in (signed[-1:], signed[1:], [*signed[:2], *signed[3:]]):
        (kept.folder / CHECKPOINTS).write_bytes(b"".join(left))
        assert kept.codes() == {"checkpoint.missing"}


def test_alarms_cannot_be_deleted(kept: Kept) -> None:
    """Neither the file nor a line, nor can one be changed; what was signed later remembers them."""
    kept.raise_alarms(ALARM, OTHER)
    assert kept.codes() == {"ledger.rewritten"}
    lines = (kept.folder / ALARMS).read_bytes().splitlines(keepends=True)
    for left in ([], lines[:1], lines[1:], lines[::-1], [lines[0], lines[1].replace(b"another", b"the same")]):
        (kept.folder / ALARMS).write_bytes(b"".join(left))
        assert "alarms.deleted" in kept.codes()
    (kept.folder / ALARMS).unlink()
    assert "alarms.deleted" in kept.codes()


def test_a_closed_alarm_stays_in_its_chain(kept: Kept) -> None:
    """It is a warning, and still cannot be deleted; when it happens again it is raised again."""
    kept.raise_alarms(ALARM)
    assert close_alarms(kept.folder, "mcpe", "looked at", START) == 1
    assert (kept.codes(), [one.code for one in kept.verify().warnings if one.code == "alarm.closed"]) == (
        set(),
        ["alarm.closed"],
    )
    kept.raise_alarms(ALARM.model_copy(update={"at": START.replace(hour=20)}))
    assert kept.codes() == {"ledger.rewritten"}
    (kept.folder / ALARMS).unlink()
    assert "alarms.deleted" in kept.codes()


def test_entries_cut_with_their_checkpoints_need_a_witness(kept: Kept) -> None:
    """What is left is a true, shorter record; a checkpoint kept elsewhere shows the cut."""
    known = (kept.newest(),)
    assert kept.verify(known).ok
    lines = (kept.folder / LEDGER).read_bytes().splitlines(keepends=True)
    (kept.folder / LEDGER).write_bytes(b"".join(lines[:-1]))
    (kept.folder / CHECKPOINTS).write_bytes(b"".join(kept.checkpoints()[:-1]))
    assert kept.codes() == set()
    assert kept.codes(known) == {"record.truncated"}


def test_a_record_rewritten_with_the_audit_key_needs_a_witness(kept: Kept) -> None:
    """Who has the key and the folder can leave an alarm out and sign again; the witness has the old root."""
    kept.raise_alarms(ALARM)
    known = (kept.newest(),)
    assert kept.codes(known) == {"ledger.rewritten"}
    for name in (ALARMS, CHECKPOINTS, LEDGER):
        (kept.folder / name).unlink()
    kept.builder.entries = kept.builder.entries[:-1]
    kept.builder.seal()
    kept.write()
    assert kept.codes() == set()
    assert kept.codes(known) == {"record.root", "alarms.deleted"}


def test_a_witness_sees_two_stories_without_the_record(kept: Kept) -> None:
    """Consistency proofs lead from each checkpoint that a witness got to the next."""
    leaves = [read_line(raw).leaf for raw in (kept.folder / LEDGER).read_bytes().splitlines(keepends=True)]
    key, signed = AuditKeys(kept.city.authority.audit_key), [Envelope.from_bytes(raw) for raw in kept.checkpoints()]
    checkpoints = [Checkpoint.from_bytes(one.payload_bytes()) for one in signed]
    given = [witness_line(signed[2], leaves[:3], None)]
    for before, now in ((2, 6), (6, len(leaves) - 1)):
        given.append(witness_line(signed[now], leaves[: now + 1], checkpoints[before]))
    lines = [one.to_bytes() for one in given]
    assert [one.size for one in read_witnessed(lines, "live", key)] == [3, 7, len(leaves)]
    lied = given[1].model_copy(update={"consistency": ("0" * 64, *given[1].consistency[1:])})
    with pytest.raises(WitnessError) as refused:
        read_witnessed([lines[0], lied.to_bytes()], "live", key)
    assert refused.value.code == "witness.consistency"


@pytest.mark.parametrize(
    ("lines", "code"), [([], "witness.empty"), ([b"Dear clerk"], "witness.empty"), ([b'{"a":1}'], "witness.form")]
)
def test_what_is_no_checkpoint_is_refused(city: City, lines: list[bytes], code: str) -> None:
    """An empty file proves nothing, and must not look as if it did."""
    with pytest.raises(WitnessError) as refused:
        read_witnessed(lines, "live", AuditKeys(city.authority.audit_key))
    assert refused.value.code == code


def test_a_checkpoint_by_another_key_is_refused(kept: Kept) -> None:
    """A witness's file is checked against the audit key too."""
    with pytest.raises(WitnessError) as refused:
        read_witnessed([kept.checkpoints()[0]], "live", AuditKeys(stranger().public_key))
    assert refused.value.code == "witness.signature"


def test_the_root_key_can_come_from_outside(kept: Kept) -> None:
    """Who holds the folder can pin keys of their own in city.toml; the key from outside does not follow."""
    roots = frozenset(kept.city.authority.root_keys)
    keys = trusted_keys(kept.city, roots)
    assert keys.audit_keys == AuditKeys(kept.city.authority.audit_key)
    assert verify_record(kept.city, kept.builder.now, keys=keys).ok
    with pytest.raises(Unproven) as refused:
        trusted_keys(kept.city, frozenset({stranger().public_key}))
    assert refused.value.code == "manifest.root"
