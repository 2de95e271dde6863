"""The reader of the record: lines, order, Merkle tree, checkpoints. What the events say is not looked at here.

It may be read while the audit service writes: then entries that came after the reading began are left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.events.audit import Checkpoint
from services.audit.record.checkpoints import CheckpointError, read_checkpoint
from services.audit.record.folder import CHECKPOINTS, LEDGER, is_being_written
from services.audit.record.format import LineError, RecordEntry, read_line
from services.audit.record.merkle import CompactRange, leaf_hash
from services.audit.record.violation import Violation
from services.kernel.base.line_files import complete_lines, count_lines, last_line, sizes

PATIENCE = 3.0
"""Seconds that a running audit service gets to sign what it has just written."""


@dataclass(frozen=True)
class PinnedCheckpoint:
    """A checkpoint and where it stands: ``place`` names it, ``seq`` is the ledger sequence of a seal, or 0."""

    checkpoint: Checkpoint
    place: str
    seq: int = 0


class RecordReader:
    """Reads the files of one audit folder and keeps what the proofs need: 32 bytes for each entry."""

    def __init__(self, folder: Path, realm: str, audit_key: str) -> None:
        self.folder, self.realm, self.audit_key = folder, realm, audit_key
        self.leaves = bytearray()
        self.last_seq = 0
        self.checkpoints: list[PinnedCheckpoint] = []
        self.violations: list[Violation] = []
        self.warnings: list[Violation] = []

    @property
    def size(self) -> int:
        """The number of entries read."""
        return len(self.leaves) // 32

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash of the entry at ``index`` (from 0)."""
        return bytes(self.leaves[32 * index : 32 * index + 32])

    def entries(self) -> Iterator[RecordEntry]:
        """Yield each line that can be read, in the order of the file; faults go to ``violations``."""
        limit, checkpoint_bytes = self._extent()
        self._read_checkpoints(checkpoint_bytes)
        for raw in complete_lines(self.folder / LEDGER):
            if self.size == limit:
                return
            line = self._read(raw)
            if line is not None:
                yield line
        if sizes(self.folder / LEDGER)[1]:
            self.warnings.append(
                Violation(
                    self.last_seq,
                    "record.torn",
                    f"After entry {self.last_seq} stands the beginning of a line that was never finished; "
                    "the audit service takes it away when it starts.",
                )
            )

    def prove(self, seals: tuple[PinnedCheckpoint, ...] = ()) -> str:
        """Check all checkpoints against the tree over what was read; return its root (hexadecimal)."""
        pinned = (*self.checkpoints, *seals)
        roots = self._roots({one.checkpoint.size for one in pinned} | {self.size})
        self._check_cover()
        told = False
        for one in pinned:
            if one.checkpoint.size > self.size or (told and not one.seq):
                continue  # what is missing was named; after the first broken root all later ones are broken too
            if roots[one.checkpoint.size] != one.checkpoint.root:
                told = told or not one.seq
                self._note(
                    one.seq or one.checkpoint.last_seq,
                    "record.root",
                    f"The first {one.checkpoint.size} entries are not those that {one.place} was signed over.",
                )
        return roots[self.size]

    def _extent(self) -> tuple[int, int]:
        """Return how many entries and how many bytes of checkpoints to read.

        All entries that stand there now; if more were sealed in the meantime, those too.
        """
        path = self.folder / CHECKPOINTS
        entries = count_lines(self.folder / LEDGER)
        deadline = time.monotonic() + PATIENCE
        while True:
            sealed = self._sealed_size(path)
            if sealed >= entries or time.monotonic() > deadline or not is_being_written(self.folder):
                break
            time.sleep(0.05)
        return max(entries, self._sealed_size(path)), sizes(path)[0]

    def _sealed_size(self, path: Path) -> int:
        raw = last_line(path)
        try:
            return read_checkpoint(raw, self.realm, self.audit_key).size if raw else 0
        except CheckpointError:
            return 0  # named when the checkpoints are read

    def _read(self, raw: bytes) -> RecordEntry | None:
        number = self.size + 1
        try:
            line = read_line(raw)
        except LineError as error:
            self.leaves += leaf_hash(raw)
            self._note(self.last_seq + 1, error.code, f"RecordEntry {number} of {LEDGER}: {error}.")
            self.last_seq += 1
            return None
        self.leaves += line.leaf
        if line.seq <= self.last_seq:
            self._note(
                line.seq,
                "record.order",
                f"RecordEntry {number} holds entry {line.seq}, which may not stand after {self.last_seq}.",
            )
            return None
        if line.seq != self.last_seq + 1:
            self._note(
                self.last_seq + 1,
                "record.gap",
                f"RecordEntry {number} holds entry {line.seq}; the entries from {self.last_seq + 1} on are missing.",
            )
        self.last_seq = line.seq
        return line

    def _read_checkpoints(self, size: int) -> None:
        path, before = self.folder / CHECKPOINTS, 0
        for number, raw in enumerate(complete_lines(path, size), 1):
            place = f"checkpoint {number}"
            try:
                checkpoint = read_checkpoint(raw, self.realm, self.audit_key)
            except CheckpointError as error:
                self._note(0, error.code, f"RecordEntry {number} of {CHECKPOINTS}: {error}.")
                continue
            if checkpoint.size < before:
                self._note(
                    checkpoint.last_seq,
                    "checkpoint.order",
                    f"RecordEntry {number} of {CHECKPOINTS} covers fewer entries than the one before.",
                )
            before = checkpoint.size
            self.checkpoints.append(PinnedCheckpoint(checkpoint, place))
        if sizes(path)[1]:
            self.warnings.append(Violation(0, "checkpoint.torn", f"The last line of {CHECKPOINTS} was never finished."))

    def _check_cover(self) -> None:
        newest = max((one.checkpoint for one in self.checkpoints), key=lambda c: c.size, default=None)
        covered = newest.size if newest else 0
        if newest and covered > self.size:
            self._note(
                self.last_seq + 1,
                "record.truncated",
                f"The record ends at entry {self.last_seq}, and entries up to {newest.last_seq} were sealed.",
            )
        elif covered < self.size:
            self._note(
                self.last_seq,
                "record.unsealed",
                f"The last {self.size - covered} entries are covered by no signed checkpoint; "
                "the audit service compares them with the ledger and signs them when it starts.",
            )
        elif newest and newest.last_seq != self.last_seq:
            self._note(
                self.last_seq,
                "record.order",
                f"The record ends at entry {self.last_seq}, its last checkpoint at {newest.last_seq}.",
            )

    def _roots(self, sizes: set[int]) -> dict[int, str]:
        tree, found = CompactRange(), {}
        if 0 in sizes:
            found[0] = tree.root().hex()
        for index in range(self.size):
            tree.append(self.leaf(index))
            if tree.size in sizes:
                found[tree.size] = tree.root().hex()
        return found

    def _note(self, seq: int, code: str, message: str) -> None:
        self.violations.append(Violation(seq, code, message))
