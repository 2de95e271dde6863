"""Verifies the whole record: one pass over the files, one over the hashes."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from schemas.events.audit import Checkpoint
from schemas.events.authority import Manifest
from schemas.events.control import Genesis
from schemas.events.envelope import MANIFEST_TYPE, Envelope
from services.audit.proof.packing import pack_ended
from services.audit.proof.quarantine import Quarantines
from services.audit.proof.remaining import NeedsWholeError, slimmed
from services.audit.proof.replay import judge, overtaken, undecided, unsettled
from services.audit.proof.replay_state import PinnedKeys, ReplayState
from services.audit.proof.report import Report
from services.audit.proof.resume import VerifiedState, code_hash, keep_state, kept_state
from services.audit.proof.rules.pictures import judge_pictures
from services.audit.record.alarms import alarms_as_violations, closed_as_warnings
from services.audit.record.audit_keys import Succession, pinned_succession, read_succession
from services.audit.record.folder import LEDGER
from services.audit.record.format import LineError, RecordEntry, read_line
from services.audit.record.media import pictures_of
from services.audit.record.reader import PinnedCheckpoint, RecordReader
from services.audit.record.violation import Violation
from services.kernel.authority.signing import Signer, verified_by
from services.kernel.base.city import City
from services.kernel.base.errors import Unproven
from services.kernel.base.line_files import complete_lines
from services.kernel.base.zones import utc_text


def verify_record(
    city: City,
    now: datetime,
    *,
    known: tuple[Checkpoint, ...] = (),
    keys: PinnedKeys | None = None,
    resume: bool = False,
    signer: Signer | None = None,
) -> Report:
    """Verify the second copy of a realm's ledger, offline.

    Args:
        city: the city folder and realm; its pinned keys are what the signatures are checked against.
        now: the current time, for what may still be under way.
        known: checkpoints that were kept elsewhere (a printout, another machine). The record must still hold
            what they were signed over: that alone shows that nobody cut record and checkpoints together.
        keys: what signatures are checked against, where it is not what city.toml pins (``trusted_keys``).
        resume: judge only what came after the last verification that kept its end, if the bytes before are the same.
        signer: the audit key, to keep this one's end for the next, if nothing is wrong; None: it is not kept.

    Raises:
        Unproven: ``record.missing``: there is no record.
        OSError: the end cannot be kept.
    """
    if not (city.audit_folder / LEDGER).exists():
        raise Unproven(
            "record.missing",
            f"there is no record in {city.audit_folder}",
            "start the audit service; it has not written anything here yet, or its folder is gone",
        )
    with _no_collector():
        return _verify(city, now, known, keys or keys_of(city), resume, signer)


def _verify(
    city: City, now: datetime, known: tuple[Checkpoint, ...], keys: PinnedKeys, resume: bool, signer: Signer | None
) -> Report:
    quarantines = Quarantines(city.audit_folder)  # what somebody signed for is read again each time
    before = kept_state(city.audit_folder, keys, now) if resume and not quarantines else None
    passed = (_resumed(city, keys, before) if before else None) or _whole(city, keys, now, quarantines)
    report = _report(city, now, known, passed, quarantines)
    if signer is not None and report.ok:
        state = slimmed(passed.state, passed.newest)
        kept = VerifiedState(
            state, report.events, report.root, passed.newest, passed.pictures, passed.whole_at, code_hash()
        )
        keep_state(city.audit_folder, kept, signer)
    return report


@contextmanager
def _no_collector() -> Iterator[None]:
    """Hold the cycle collector back: the facts only grow, hold no cycles, and it would go through them each time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@dataclass
class _Passed:
    """One pass over the record: what it read and found. ``resumed_from``: entries that it did not judge."""

    reader: RecordReader
    state: ReplayState
    pictures: dict[str, int]
    newest: datetime
    whole_at: datetime
    resumed_from: int = 0
    events: int = 0
    found: list[Violation] = field(default_factory=list)

    def judge(self, entry: RecordEntry) -> None:
        """Judge the next entry."""
        self.events, self.newest = self.events + 1, entry.at
        self.found.extend(judge(self.state, entry))
        pack_ended(self.state)
        for sha256 in pictures_of(entry):
            self.pictures.setdefault(sha256, entry.seq)


def _whole(city: City, keys: PinnedKeys, now: datetime, quarantines: Quarantines) -> _Passed:
    reader = RecordReader(city.audit_folder, city.realm, keys.audit_keys)
    passed = _Passed(reader, ReplayState(keys), {}, now, now)
    for entry in reader.entries():
        quarantines.see(entry)
        passed.judge(entry)
    return passed


def _resumed(city: City, keys: PinnedKeys, before: VerifiedState) -> _Passed | None:
    """Judge what came after a state; None where bytes before it are others, or more has to be known than it holds."""
    reader = RecordReader(city.audit_folder, city.realm, keys.audit_keys)
    passed = _Passed(
        reader, before.state, dict(before.pictures), before.newest, before.whole_at, before.size, before.size
    )
    checked = False
    try:
        for entry in reader.entries(before.size):
            if not checked and reader.root_of_first(before.size) != before.root:
                return None
            checked = True
            passed.judge(entry)
    except NeedsWholeError:
        return None
    same = checked or (reader.size == before.size and reader.root_of_first(before.size) == before.root)
    return passed if same else None


def _report(
    city: City, now: datetime, known: tuple[Checkpoint, ...], passed: _Passed, quarantines: Quarantines
) -> Report:
    reader, state, folder = passed.reader, passed.state, city.audit_folder
    found, accepted = quarantines.weigh(state, (*passed.found, *_at_the_end(state)))
    pictures = tuple(judge_pictures(folder, passed.pictures))
    found.extend(one for one in pictures if one.code == "media.damaged")
    root = reader.prove((*state.seals, *_kept_elsewhere(reader, known)))
    found.extend((*_cut(reader, known), *reader.violations, *alarms_as_violations(folder)))
    missing = (one for one in pictures if one.code == "media.missing")
    return Report(
        events=passed.events,
        attempts=state.counted_attempts(),
        last_seq=reader.last_seq,
        root=root,
        checkpoints=len(reader.checkpoints),
        violations=tuple(sorted(dict.fromkeys(found), key=lambda one: one.seq)),
        warnings=(*reader.warnings, *accepted, *_warnings(state, now), *missing, *closed_as_warnings(folder)),
        unconfirmed=tuple(
            one.seq for one in state.attempts.values() if one.receipt_seq == 0 or one.outcome == "unconfirmed"
        ),
        resumed_from=passed.resumed_from,
    )


def _at_the_end(state: ReplayState) -> Iterator[Violation]:
    """Yield what is known to be wrong only when the whole record has been read."""
    yield from overtaken(state)
    yield from state.void_as_violations()
    if state.control.seq == 0:
        yield Violation(0, "control.no_manifest", "The record holds no valid authority manifest.")


def _warnings(state: ReplayState, now: datetime) -> Iterator[Violation]:
    yield from state.warnings
    yield from state.void_as_warnings()
    yield from unsettled(state, now)
    yield from undecided(state, now)


def reader_of(city: City) -> RecordReader:
    """Return a reader of the copy of a realm."""
    return RecordReader(city.audit_folder, city.realm, pinned_succession(city).keys)


def keys_of(city: City) -> PinnedKeys:
    """Return the keys that city.toml pins, and those that seal by what the record says of them."""
    pinned = city.authority
    keys = pinned_succession(city).keys
    return PinnedKeys(city.realm, frozenset(pinned.root_keys), pinned.threshold, keys)


def trusted_keys(city: City, roots: frozenset[str]) -> PinnedKeys:
    """Return the keys that follow from root keys given from outside; nothing of city.toml is trusted.

    The first manifest of the record must be signed by each of them, and names the key of the audit service.

    Raises:
        Unproven: ``manifest.root``, ``manifest.audit_key``.
    """
    envelope = first_manifest(city.audit_folder)
    if envelope is None or not roots <= verified_by(envelope, MANIFEST_TYPE):
        raise Unproven(
            "manifest.root",
            "the record does not begin with a manifest that each given root key signed",
            "check the key",
        )
    manifest = Manifest.from_bytes(envelope.payload_bytes())
    if manifest.realm != city.realm:
        raise Unproven("manifest.root", f"the manifest is for the realm {manifest.realm}", "choose it with --realm")
    if manifest.audit_key is None:
        raise Unproven(
            "manifest.audit_key", "the manifest, of a version before 0.3, names no audit key", "verify without --root"
        )
    found = read_succession(city.audit_folder, Succession(manifest.audit_key, roots, len(roots), city.realm))
    return PinnedKeys(city.realm, roots, len(roots), found.keys)


def first_manifest(folder: Path) -> Envelope | None:
    """Return the signed manifest that the record begins with, or None."""
    raw = next(complete_lines(folder / LEDGER), None)
    try:
        return Genesis.from_bytes(read_line(raw).data).manifest if raw is not None else None
    except (LineError, ValueError):
        return None


def _kept_elsewhere(reader: RecordReader, known: tuple[Checkpoint, ...]) -> tuple[PinnedCheckpoint, ...]:
    return tuple(
        PinnedCheckpoint(one, f"the checkpoint of {utc_text(one.at)} that was kept elsewhere", one.last_seq)
        for one in known
        if one.size <= reader.size
    )


def _cut(reader: RecordReader, known: tuple[Checkpoint, ...]) -> list[Violation]:
    return [
        Violation(
            reader.last_seq + 1,
            "record.truncated",
            f"The record ends at entry {reader.last_seq}; a checkpoint kept elsewhere reaches to {one.last_seq}.",
        )
        for one in known
        if one.size > reader.size
    ]
