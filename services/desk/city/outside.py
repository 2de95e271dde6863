"""Checkpoints that come from outside the audit folder: from files that somebody kept, and from the witnesses here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from schemas.events.audit import Checkpoint
from services.audit.proof.replay_state import PinnedKeys
from services.audit.record.audit_keys import pinned_succession
from services.audit.record.witness import WitnessError, read_witnessed
from services.audit.witnesses import witness_files
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Unproven


def known_checkpoints(city: City, files: Iterable[Path], keys: PinnedKeys | None = None) -> tuple[Checkpoint, ...]:
    """Return the checkpoints of files that were kept elsewhere, and of the witnesses that can be read here.

    Raises:
        BadInput: ``checkpoint.unreadable``.
        Unproven: a file holds none, one is not signed by the audit key, or two tell different stories.
    """
    audit_keys = keys.audit_keys if keys else pinned_succession(city).keys
    found: list[Checkpoint] = []
    for path in (*files, *(one for one in witness_files(city) if one.exists())):
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise BadInput(
                "checkpoint.unreadable", f"{path} cannot be read: {error.strerror}", "--checkpoint FILE"
            ) from error
        try:
            found += read_witnessed(lines, city.realm, audit_keys)
        except WitnessError as error:
            raise Unproven(error.code, f"{path}: {error}", "is it the file, and the realm?") from error
    return tuple(found)
