"""Reads the record and checks its lines, their order, the Merkle tree and the checkpoints; never what events mean.

It may be read while the audit service writes: then entries that came after the reading began are left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.events.audit import Checkpoint
from schemas.events.envelope import Envelope
from services.audit.record.alarms import alarm_heads
from services.audit.record.audit_keys import AuditKeys
from services.audit.record.checkpoints import CheckpointChain, CheckpointError, checkpoint_hash, read_checkpoint
from services.audit.record.folder import ALARMS, CHECKPOINTS, LEDGER, is_being_written
from services.audit.record.format import LineError, RecordEntry, read_line, seq_of, split_line
from services.audit.record.merkle import CompactRange, leaf_hash
from services.audit.record.violation import Violation
from services.kernel.base.line_files import complete_lines, count_lines, last_line, lines_backwards, sizes

HOLE = "record.gap"
"""The fault of an entry before which others are missing; it may stand where it does."""

SIGN_SECONDS = 3.0
"""Seconds that a running audit service gets to sign what it has just written."""


@dataclass(frozen=True)
class PinnedCheckpoint:
    """A checkpoint and where it is: ``place`` names it, ``seq`` is the ledger sequence of a seal, or 0."""

    checkpoint: Checkpoint
    place: str
    seq: int = 0


@dataclass(frozen=True, slots=True)
class ReadLine:
    """One line of ``ledger.jsonl``: its ``number`` from 1, its ``offset`` in bytes, its leaf hash.

    ``entry`` is what it holds, None where that may not follow what is before it; ``fault`` says what is wrong.
    ``seq`` is the entry's sequence, or the one that an unreadable line stands for: the next.
    """

    number: int
    offset: int
    leaf: bytes
    seq: int
    entry: RecordEntry | None
    fault: Violation | None = None


def read_lines(folder: Path, size: int | None = None, sealed: int = 0) -> Iterator[ReadLine]:
    """Read the record strictly, up to ``size`` bytes: each line in its one form, the sequences rising without a gap.

    All readers of the record go through here; what to do about a fault is theirs. The first ``sealed`` lines are
    checked by their hashes and not parsed (``entry`` is None): the caller compares their root with a signed one.
    """
    last_seq, offset = 0, 0
    for number, raw in enumerate(complete_lines(folder / LEDGER, size), 1):
        entry: RecordEntry | None = None
        try:
            if number > sealed:
                entry = read_line(raw)
                seq, leaf = entry.seq, entry.leaf
            else:
                seq, leaf = seq_of(raw), split_line(raw)[1]
        except LineError as error:
            seq, leaf = last_seq + 1, leaf_hash(raw)
            fault: Violation | None = Violation(seq, error.code, f"Line {number} of {LEDGER}: {error}.")
        else:
            fault = _out_of_place(number, seq, last_seq)
        yield ReadLine(number, offset, leaf, seq, entry if seq > last_seq else None, fault)
        last_seq, offset = max(seq, last_seq), offset + len(raw)


def _out_of_place(number: int, seq: int, last_seq: int) -> Violation | None:
    """Return what is wrong with the place of an entry that is behind ``last_seq``."""
    if seq <= last_seq:
        what = f"Line {number} holds entry {seq}, which may not stand after {last_seq}."
        return Violation(seq, "record.order", what)
    if seq > last_seq + 1:
        what = f"Line {number} holds entry {seq}; the entries from {last_seq + 1} on are missing."
        return Violation(last_seq + 1, HOLE, what)
    return None


def read_backwards(folder: Path) -> Iterator[RecordEntry]:
    """Yield the entries that can be read, the newest first: to compare the end of the record. It proves nothing."""
    for raw in lines_backwards(folder / LEDGER):
        try:
            yield read_line(raw)
        except LineError:
            continue  # `audit verify` names it


def last_copied(folder: Path) -> int:
    """Return the sequence of the record's newest entry; 0 where there is none, or it cannot be read."""
    raw = last_line(folder / LEDGER)
    try:
        return read_line(raw).seq if raw is not None else 0
    except LineError:
        return 0


class RecordReader:
    """Reads the files of one audit folder and keeps what the proofs need: 32 bytes for each entry."""

    def __init__(self, folder: Path, realm: str, keys: AuditKeys) -> None:
        self.folder, self.realm, self.audit_keys = folder, realm, keys
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

    def entries(self, sealed: int = 0) -> Iterator[RecordEntry]:
        """Yield each line that can be read, in the order of the file; faults go to ``violations``.

        The first ``sealed`` ones are hashed and not parsed, and not yielded.
        """
        limit, checkpoint_bytes = self._extent()
        self._read_checkpoints(checkpoint_bytes)
        for line in read_lines(self.folder, sealed=sealed):
            if self.size == limit:
                return
            self.leaves += line.leaf
            self.last_seq = max(line.seq, self.last_seq)
            if line.fault:
                self.violations.append(line.fault)
            if line.entry:
                yield line.entry
        if sizes(self.folder / LEDGER)[1]:
            self.warnings.append(
                Violation(
                    self.last_seq,
                    "record.torn",
                    f"After entry {self.last_seq} stands the beginning of a line that was never finished; "
                    "the audit service takes it away when it starts.",
                )
            )

    def root_of_first(self, size: int) -> str:
        """Return the Merkle root (hexadecimal) over the first entries that were read."""
        return self._roots({size}).get(size, "")

    def prove(self, seals: tuple[PinnedCheckpoint, ...] = ()) -> str:
        """Check all checkpoints against the tree over what was read; return its root (hexadecimal)."""
        pinned = (*self.checkpoints, *seals)
        roots = self._roots({one.checkpoint.size for one in pinned} | {self.size})
        self._check_cover()
        self._check_alarms(pinned)
        named = False
        for one in pinned:
            if one.checkpoint.size > self.size or (named and not one.seq):
                continue  # what is missing was named; after the first broken root all later ones are broken too
            if roots[one.checkpoint.size] != one.checkpoint.root:
                named = named or not one.seq
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
        deadline = time.monotonic() + SIGN_SECONDS
        while True:
            sealed = self._sealed_size(path)
            if sealed >= entries or time.monotonic() > deadline or not is_being_written(self.folder):
                break
            time.sleep(0.05)
        return max(entries, self._sealed_size(path)), sizes(path)[0]

    def _sealed_size(self, path: Path) -> int:
        raw = last_line(path)
        try:
            return read_checkpoint(raw, self.realm, self.audit_keys).size if raw else 0
        except CheckpointError:
            return 0  # named when the checkpoints are read

    def _read_checkpoints(self, size: int) -> None:
        path, before, chain = self.folder / CHECKPOINTS, 0, CheckpointChain()
        for number, raw in enumerate(complete_lines(path, size), 1):
            place = f"checkpoint {number}"
            try:
                checkpoint = read_checkpoint(raw, self.realm, self.audit_keys)
            except CheckpointError as error:
                self._note(0, error.code, f"Line {number} of {CHECKPOINTS}: {error}.")
                chain.broken()
                continue
            if not chain.follows(checkpoint, checkpoint_hash(Envelope.from_bytes(raw))):
                what = f"Checkpoints are missing: line {number} of {CHECKPOINTS} does not follow on the one before."
                self._note(checkpoint.last_seq, "checkpoint.missing", what)
            if checkpoint.size < before:
                self._note(
                    checkpoint.last_seq,
                    "checkpoint.order",
                    f"Line {number} of {CHECKPOINTS} covers fewer entries than the one before.",
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

    def _check_alarms(self, pinned: tuple[PinnedCheckpoint, ...]) -> None:
        """Each checkpoint signs the alarms of its time: they must still be the first ones."""
        heads = alarm_heads(self.folder)
        for one in pinned:
            count, head = one.checkpoint.alarms, one.checkpoint.alarms_head
            if count is not None and (count >= len(heads) or heads[count] != head):
                what = (
                    f"{ALARMS} is not what it was: {one.place} was signed over {count} alarms that are gone or changed."
                )
                self._note(one.seq or one.checkpoint.last_seq, "alarms.deleted", what)
                return

    def _roots(self, sizes: set[int]) -> dict[int, str]:
        tree, found = CompactRange(), {}
        if 0 in sizes:
            found[0] = tree.root().hex()
        for index in range(min(self.size, max(sizes))):
            tree.append(self.leaf(index))
            if tree.size in sizes:
                found[tree.size] = tree.root().hex()
        return found

    def _note(self, seq: int, code: str, message: str) -> None:
        self.violations.append(Violation(seq, code, message))
