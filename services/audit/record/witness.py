"""Checkpoints that are kept elsewhere: the lines that witnesses get, and reading them strictly.

A witness is any place that who can write the audit folder cannot write: another disk, the public website, a mailbox.
Each line holds a checkpoint and the proof that the record grew out of the one before: a witness needs no record to see
that it was told one story.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.events.audit import Checkpoint, WitnessedCheckpoint
from schemas.events.envelope import Envelope
from services.audit.record.audit_keys import AuditKeys
from services.audit.record.checkpoints import CheckpointError, open_checkpoint
from services.audit.record.merkle import consistency_proof, verify_consistency


class WitnessError(ValueError):
    """What a witness kept does not stand; ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def witness_line(envelope: Envelope, leaves: Sequence[bytes], before: Checkpoint | None) -> WitnessedCheckpoint:
    """Return what a witness is given: a checkpoint over all ``leaves``, and the proof from the one given before.

    Raises:
        WitnessError: ``witness.truncated``, ``witness.consistency``: the witness has another story.
    """
    if before is None or before.size == 0:
        return WitnessedCheckpoint(checkpoint=envelope)
    if before.size > len(leaves):
        raise WitnessError("witness.truncated", f"it has {before.size} entries, the record {len(leaves)}")
    path = consistency_proof(leaves, before.size)
    line = WitnessedCheckpoint(checkpoint=envelope, since=before.size, consistency=tuple(node.hex() for node in path))
    if not _grew([before], Checkpoint.from_bytes(envelope.payload_bytes()), line):
        raise WitnessError("witness.consistency", "the record did not grow out of the checkpoint that it has")
    return line


def read_witnessed(lines: Iterable[bytes], realm: str, keys: AuditKeys) -> tuple[Checkpoint, ...]:
    """Return the checkpoints of a witness's file, or of ``checkpoints.jsonl``, in its order.

    Lines that do not begin with ``{`` are passed over, as the head of a mail is.

    Raises:
        WitnessError: ``witness.form``, ``.signature``, ``.realm`` as of the checkpoint; ``witness.empty``;
            ``witness.consistency``: a checkpoint does not follow from the one before it, so two stories were told.
    """
    found: list[Checkpoint] = []
    for number, raw in enumerate(lines, 1):
        if not raw.lstrip().startswith(b"{"):
            continue
        line = _line(raw, number)
        try:
            checkpoint = open_checkpoint(line.checkpoint, realm, keys)
        except CheckpointError as error:
            raise WitnessError(f"witness.{error.code.split('.')[1]}", f"line {number}: {error}") from error
        if line.since and not _grew(found, checkpoint, line):
            raise WitnessError("witness.consistency", f"line {number} does not follow from a checkpoint before it")
        found.append(checkpoint)
    if not found:
        raise WitnessError("witness.empty", "it holds no checkpoint")
    return tuple(found)


def _line(raw: bytes, number: int) -> WitnessedCheckpoint:
    try:
        return WitnessedCheckpoint.from_bytes(raw)
    except ValueError:
        pass
    try:
        return WitnessedCheckpoint(checkpoint=Envelope.from_bytes(raw))
    except ValueError as error:
        raise WitnessError("witness.form", f"line {number} holds no checkpoint") from error


def _grew(before: Sequence[Checkpoint], newest: Checkpoint, line: WitnessedCheckpoint) -> bool:
    """Whether the proof holds from the checkpoint it names; where the file lacks that one, nothing is claimed."""
    earlier = next((one for one in reversed(before) if one.size == line.since), None)
    if earlier is None:
        return not before
    path = [bytes.fromhex(node) for node in line.consistency]
    old, new = bytes.fromhex(earlier.root), bytes.fromhex(newest.root)
    return verify_consistency(earlier.size, newest.size, old, new, path)
