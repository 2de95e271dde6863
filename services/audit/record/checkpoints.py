"""Reading a signed checkpoint strictly: form, signature, realm."""

from __future__ import annotations

import base64
import binascii

from schemas import canonical
from schemas.events.audit import Checkpoint
from schemas.events.envelope import CHECKPOINT_TYPE, Envelope
from services.audit.record.audit_keys import AuditKeys
from services.kernel.authority.signing import verified_by

FIRST = canonical.sha256(b"")
"""What the first checkpoint names as the one before it."""


class CheckpointError(ValueError):
    """A checkpoint that does not stand; ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_checkpoint(raw: bytes, realm: str, keys: AuditKeys) -> Checkpoint:
    """Return the checkpoint of a line of ``checkpoints.jsonl``; the line must be in its one canonical form.

    Raises:
        CheckpointError: ``checkpoint.form``, ``checkpoint.signature`` or ``checkpoint.realm``.
    """
    try:
        envelope = Envelope.from_bytes(raw)
    except ValueError as error:
        raise CheckpointError("checkpoint.form", "the line does not hold a signed checkpoint") from error
    if envelope.to_bytes() + b"\n" != raw:
        raise CheckpointError("checkpoint.form", "the line is not in the one form in which it is written")
    return open_checkpoint(envelope, realm, keys)


def open_checkpoint(envelope: Envelope, realm: str, keys: AuditKeys) -> Checkpoint:
    """Return the checkpoint in an envelope, if the audit key in force where it ends signed it, and nobody else.

    Raises:
        CheckpointError: ``checkpoint.form``, ``checkpoint.signature`` or ``checkpoint.realm``.
    """
    if not _one_form(envelope):
        raise CheckpointError("checkpoint.form", "its base64 is not in the one form in which it is written")
    try:
        checkpoint = Checkpoint.from_bytes(envelope.payload_bytes())
    except ValueError:
        checkpoint = None
    key = keys.at(checkpoint.last_seq) if checkpoint else keys.newest
    if len(envelope.signatures) != 1 or verified_by(envelope, CHECKPOINT_TYPE) != {key}:
        raise CheckpointError("checkpoint.signature", "the checkpoint is not signed by the audit key in force there")
    if checkpoint is None:
        raise CheckpointError("checkpoint.form", "what was signed is not a checkpoint")
    if checkpoint.realm != realm:
        raise CheckpointError("checkpoint.realm", f"the checkpoint is for the realm {checkpoint.realm}")
    return checkpoint


class CheckpointChain:
    """Follows the checkpoints in their order, each of which names the one before it since version 0.3."""

    def __init__(self) -> None:
        self._newest: str | None = FIRST
        self._begun = False

    def follows(self, checkpoint: Checkpoint, own_hash: str) -> bool:
        """Take the next checkpoint; return False when others are missing before it."""
        before, self._newest = self._newest, own_hash
        self._begun = self._begun or checkpoint.previous is not None
        return not self._begun or before is None or checkpoint.previous == before

    def broken(self) -> None:
        """Pass over a line that is no checkpoint: what follows on it cannot be known."""
        self._newest = None


def checkpoint_hash(envelope: Envelope) -> str:
    """Return the SHA-256 of a checkpoint's payload: what the next checkpoint names as the one before it."""
    return canonical.sha256(envelope.payload_bytes())


def _one_form(envelope: Envelope) -> bool:
    """Refuse base64 with bits set that decoding drops: else a flipped bit there would not be seen."""
    texts = (envelope.payload, *(signature.sig for signature in envelope.signatures))
    try:
        return all(base64.b64encode(base64.b64decode(t, validate=True)).decode() == t for t in texts)
    except binascii.Error:
        return False
