"""Verifies the whole record: one pass over the files, one over the hashes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from schemas.events.audit import Checkpoint
from schemas.events.authority import Manifest
from schemas.events.control import Genesis
from schemas.events.envelope import MANIFEST_TYPE, Envelope
from services.audit.proof.quarantine import Quarantines
from services.audit.proof.replay import judge, overtaken, undecided, unsettled
from services.audit.proof.replay_state import PinnedKeys, ReplayState
from services.audit.proof.report import Report
from services.audit.proof.rules.pictures import judge_pictures
from services.audit.record.alarms import alarms_as_violations, closed_as_warnings
from services.audit.record.folder import LEDGER
from services.audit.record.format import LineError, read_line
from services.audit.record.reader import PinnedCheckpoint, RecordReader
from services.audit.record.violation import Violation
from services.kernel.authority.signing import verified_by
from services.kernel.base.city import City
from services.kernel.base.errors import Unproven
from services.kernel.base.line_files import complete_lines


def verify_record(
    city: City, now: datetime, *, known: tuple[Checkpoint, ...] = (), keys: PinnedKeys | None = None
) -> Report:
    """Verify the second copy of a realm's ledger, offline.

    Args:
        city: the city folder and realm; its pinned keys are what the signatures are checked against.
        now: the current time, for what may still be under way.
        known: checkpoints that were kept elsewhere (a printout, another machine). The record must still hold
            what they were signed over: that alone shows that nobody cut record and checkpoints together.
        keys: what signatures are checked against, where it is not what city.toml pins (``trusted_keys``).

    Raises:
        Unproven: ``record.missing``: there is no record.
    """
    if not (city.audit_folder / LEDGER).exists():
        raise Unproven(
            "record.missing",
            f"there is no record in {city.audit_folder}",
            "start the audit service; it has not written anything here yet, or its folder is gone",
        )
    keys = keys or keys_of(city)
    reader, state = RecordReader(city.audit_folder, city.realm, keys.audit_key), ReplayState(keys)
    folder = city.audit_folder
    events, judged, pictures, looked_at = 0, list[Violation](), list[Violation](), dict[str, bool]()
    quarantines = Quarantines(folder)
    for entry in reader.entries():
        events += 1
        quarantines.see(entry)
        judged.extend(judge(state, entry))
        pictures.extend(judge_pictures(folder, entry, looked_at))
    judged.extend(_at_the_end(state))
    found, accepted = quarantines.weigh(state, judged)
    found.extend(one for one in pictures if one.code == "media.damaged")
    root = reader.prove((*state.seals, *_kept_elsewhere(reader, known)))
    found.extend((*_cut(reader, known), *reader.violations, *alarms_as_violations(city.audit_folder)))
    missing = (one for one in pictures if one.code == "media.missing")
    return Report(
        events=events,
        attempts=len(state.attempts),
        last_seq=reader.last_seq,
        root=root,
        checkpoints=len(reader.checkpoints),
        violations=tuple(sorted(dict.fromkeys(found), key=lambda one: one.seq)),
        warnings=(*reader.warnings, *accepted, *_warnings(state, now), *missing, *closed_as_warnings(folder)),
        unconfirmed=tuple(
            one.seq for one in state.attempts.values() if one.receipt_seq == 0 or one.outcome == "unconfirmed"
        ),
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
    return RecordReader(city.audit_folder, city.realm, city.authority.audit_key)


def keys_of(city: City) -> PinnedKeys:
    """Return the keys that city.toml pins."""
    pinned = city.authority
    return PinnedKeys(city.realm, frozenset(pinned.root_keys), pinned.threshold, pinned.audit_key)


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
    return PinnedKeys(city.realm, roots, len(roots), manifest.audit_key)


def first_manifest(folder: Path) -> Envelope | None:
    """Return the signed manifest that the record begins with, or None."""
    raw = next(complete_lines(folder / LEDGER), None)
    try:
        return Genesis.from_bytes(read_line(raw).data).manifest if raw is not None else None
    except (LineError, ValueError):
        return None


def _kept_elsewhere(reader: RecordReader, known: tuple[Checkpoint, ...]) -> tuple[PinnedCheckpoint, ...]:
    return tuple(
        PinnedCheckpoint(one, f"the checkpoint of {one.at:%Y-%m-%d %H:%M:%S} UTC that was kept elsewhere", one.last_seq)
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
