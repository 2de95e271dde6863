"""The second durable copy: files that only grow, fsynced before anything is acknowledged.

``ledger.jsonl`` holds the entries, ``checkpoints.jsonl`` the signed checkpoints, ``lock`` keeps a second writer out.
A last line that was cut off by a crash was never acknowledged: it is taken away at start, and said. Any other
damage is never repaired: the record refuses to grow, and the files stay as they are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from schemas.events.audit import Checkpoint
from schemas.events.authority import Realm
from schemas.events.envelope import CHECKPOINT_TYPE, Envelope
from services.audit.record.alarms import alarm_heads
from services.audit.record.audit_keys import Succession
from services.audit.record.checkpoints import FIRST, CheckpointError, checkpoint_hash, read_checkpoint
from services.audit.record.folder import CHECKPOINTS, LEDGER
from services.audit.record.format import (
    LedgerEntry,
    LineError,
    RecordEntry,
    kept_headers,
    read_line,
    seq_of,
    write_line,
)
from services.audit.record.merkle import CompactRange
from services.audit.record.reader import HOLE, ReadLine, read_lines
from services.kernel.authority.signing import Signer
from services.kernel.base.errors import Unproven
from services.kernel.base.line_files import ForeignWrite, GrowingFile, complete_lines, last_line

MARK_EVERY = 256
"""How many lines lie between two places whose offset is remembered."""

_HINT = "keep the folder as it is, run: onevoice audit verify, and compare with the ledger before anything else"


class Damaged(Unproven):
    """The copy's files are not as this service left them; it refuses to append. Nothing was changed."""


class RecordFile(GrowingFile):
    """One of the copy's files that only grow."""

    def add(self, lines: bytes) -> None:
        """Append complete lines, durable when it returns; raises Damaged where another program wrote, OSError."""
        try:
            super().add(lines)
        except ForeignWrite as error:
            raise Damaged("record.foreign_write", str(error), _HINT) from error


@dataclass(frozen=True)
class Opening:
    """What was found at start: bytes of torn lines that were cut, and entries without a checkpoint."""

    cut_entries: int
    cut_checkpoints: int
    unsealed: int


class RecordWriter:
    """The open copy of one realm's ledger; the caller holds the folder's lock.

    ``last_seq`` is the newest entry's ledger sequence (0: empty), ``last`` that entry, ``size`` their number.
    """

    def __init__(
        self,
        folder: Path,
        realm: Realm,
        signer: Signer,
        succession: Succession | None = None,
        new_signer: Callable[[str], Signer] | None = None,
    ) -> None:
        """Open the files and check every line's hash, the order, and the last checkpoint.

        Args:
            folder: the audit folder.
            realm: whose ledger it is.
            signer: the key that seals until the root names another.
            succession: the keys that seal, as the record has them so far; None: ``signer`` for ever.
            new_signer: finds a key that the root has named since, or raises OneVoiceError.

        Raises:
            Damaged: what is on disk is not what was written there.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.realm, self._signer, self._new_signer = folder, realm, signer, new_signer
        self._succession = succession or Succession(signer.public_key)
        self._entries = RecordFile(folder / LEDGER)
        self._checkpoints = RecordFile(folder / CHECKPOINTS)
        self._tree = CompactRange()
        self._marks: list[tuple[int, int, int]] = []
        self.last: RecordEntry | None = None
        self._previous = FIRST
        with _closing_on_error(self._entries, self._checkpoints):
            sealed = self._last_checkpoint()
            self._scan(sealed)
        self.sealed_size = sealed.size if sealed else 0
        self.sealed_at = sealed.at if sealed else None
        self.opening = Opening(self._entries.cut, self._checkpoints.cut, self.size - self.sealed_size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def size(self) -> int:
        """The number of entries."""
        return self._tree.size

    @property
    def last_seq(self) -> int:
        """The ledger sequence of the newest entry, or 0."""
        return self.last.seq if self.last else 0

    def append(self, entries: Sequence[LedgerEntry]) -> None:
        """Add entries, each newer than the one before; durable when it returns. All or nothing.

        Raises:
            ValueError: they are not in rising order.
            OSError: the disk did not take them; the record must be opened again.
        """
        if not entries:
            return
        last, lines, leaves, offsets = self.last_seq, bytearray(), [], []
        for entry in entries:
            if entry.seq <= last:
                raise ValueError(f"entry {entry.seq} does not come after {last}")
            line, leaf = write_line(entry)
            offsets.append(self._entries.size + len(lines))
            lines += line
            leaves.append(leaf)
            last = entry.seq
        self._entries.add(bytes(lines))
        for entry in entries:
            self._succession.note(entry)
        for entry, leaf, offset in zip(entries, leaves, offsets, strict=True):
            self._mark(entry.seq, offset)
            self._tree.append(leaf)
        newest = entries[-1]
        self.last = RecordEntry(
            newest.seq, newest.subject, newest.at, newest.data, kept_headers(newest.headers), leaves[-1]
        )

    def seal(self, at: datetime) -> Envelope:
        """Sign a checkpoint over all entries with the key in force and keep it; durable when it returns.

        Raises OneVoiceError where the key that the root has named is not here.
        """
        signer = self._signer_now()
        *before, alarms_head = alarm_heads(self.folder)
        checkpoint = Checkpoint(
            realm=self.realm,
            size=self.size,
            last_seq=self.last_seq,
            root=self._tree.root().hex(),
            at=at,
            previous=self._previous,
            alarms=len(before),
            alarms_head=alarms_head,
        )
        envelope = signer.sign(CHECKPOINT_TYPE, checkpoint)
        self._checkpoints.add(envelope.to_bytes() + b"\n")
        self._previous = checkpoint_hash(envelope)
        self.sealed_size, self.sealed_at = self.size, at
        return envelope

    def _signer_now(self) -> Signer:
        key = self._succession.keys.at(self.last_seq)
        if key != self._signer.public_key and self._new_signer is not None:
            self._signer = self._new_signer(key)
        return self._signer

    def since(self, index: int) -> Iterator[RecordEntry]:
        """Read the entries from the one at ``index`` (0 is the first) on, checked line by line."""
        yield from self._from(index // MARK_EVERY, lambda number, _seq: number >= index)

    def find(self, seqs: set[int]) -> dict[int, RecordEntry]:
        """Return the entries with these sequences, by sequence; begins to read shortly before the first of them."""
        wanted = {seq for seq in seqs if seq <= self.last_seq}
        if not wanted:
            return {}
        if wanted == {self.last_seq} and self.last:
            return {self.last_seq: self.last}
        first, last, found = min(wanted), max(wanted), dict[int, RecordEntry]()
        mark = bisect_right(self._marks, first, key=lambda one: one[0]) - 1
        for line in self._from(max(0, mark), lambda _number, seq: seq in wanted or seq >= last):
            if line.seq in wanted:
                found[line.seq] = line
            if line.seq >= last:
                break
        return found

    def _from(self, mark: int, wanted: Callable[[int, int], bool]) -> Iterator[RecordEntry]:
        """Read on from a mark, and yield the lines whose number and sequence are wanted; those are parsed."""
        if not self._marks:
            return
        _, number, offset = self._marks[min(mark, len(self._marks) - 1)]
        for raw in complete_lines(self.folder / LEDGER, self._entries.size, offset):
            if wanted(number, seq_of(raw)):
                yield self._checked(raw, number)
            number += 1

    def _mark(self, seq: int, offset: int) -> None:
        """Remember where each so many-th line begins, so that nothing has to be read from the start."""
        if self.size % MARK_EVERY == 0:
            self._marks.append((seq, self.size, offset))

    def close(self) -> None:
        """Close the files."""
        self._entries.close()
        self._checkpoints.close()

    def _scan(self, sealed: Checkpoint | None) -> None:
        """Build the tree, and find the last entry. Gaps are allowed: the ledger may have had them."""
        last = ReadLine(0, 0, b"", 0, None)
        for last in read_lines(self.folder, self._entries.size, sealed.size if sealed else 0):
            if last.fault and last.fault.code != HOLE:
                raise Damaged("record.damaged", f"{self.folder / LEDGER}: {last.fault.message}", _HINT)
            self._mark(last.seq, last.offset)
            self._tree.append(last.leaf)
            if sealed and self.size == sealed.size:
                self._check_sealed(sealed, last.seq)
        if last.number:
            self.last = last.entry or next(self.since(last.number - 1))
        if sealed and sealed.size > self.size:
            raise Damaged(
                "record.truncated",
                f"{self.folder / LEDGER} has {self.size} entries, and {sealed.size} were sealed",
                _HINT,
            )

    def _check_sealed(self, sealed: Checkpoint, last_seq: int) -> None:
        if sealed.root != self._tree.root().hex() or sealed.last_seq != last_seq:
            raise Damaged(
                "record.root",
                f"the first {sealed.size} entries of {self.folder / LEDGER} are not those that were sealed",
                _HINT,
            )

    def _last_checkpoint(self) -> Checkpoint | None:
        path = self.folder / CHECKPOINTS
        raw = last_line(path, self._checkpoints.size)
        if raw is None:
            return None
        try:
            found = read_checkpoint(raw, self.realm, self._succession.keys)
            self._previous = checkpoint_hash(Envelope.from_bytes(raw))
            return found
        except CheckpointError as error:
            raise Damaged("record.checkpoint", f"the last line of {path}: {error}", _HINT) from error

    def _checked(self, raw: bytes, number: int | None) -> RecordEntry:
        try:
            return read_line(raw)
        except LineError as error:
            raise self._damage(number, str(error)) from error

    def _damage(self, number: int | None, why: str) -> Damaged:
        place = "" if number is None else f", line {number + 1}"
        return Damaged("record.damaged", f"{self.folder / LEDGER}{place}: {why}", _HINT)


@contextmanager
def _closing_on_error(*files: RecordFile) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for file in files:
            file.close()
        raise
