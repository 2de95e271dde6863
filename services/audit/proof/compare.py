"""Holding the copy against the live ledger, sequence by sequence.

``Comparison`` is the decision: copies and what the ledger shows go in, differences come out, neighbours of one kind
as one. ``compare_record`` and ``compare_end`` do it for a whole copy and for its newest part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from services.audit.proof.verify import reader_of
from services.audit.record.folder import LEDGER
from services.audit.record.format import LedgerEntry, LineError, RecordEntry, differences, read_line
from services.audit.record.violation import Violation
from services.kernel.base.city import City
from services.kernel.base.line_files import lines_backwards
from services.kernel.ledger.integrity import Shape, shape_fault

CHUNK = 256
"""Entries that are asked for at a time."""

MOST = 20
"""Stretches of differences that are kept; what comes after is counted only."""


class LiveLedger(Protocol):
    """What the comparison reads of the ledger (services.kernel.ledger.client.Ledger has it)."""

    async def get_many(self, seqs: Sequence[int]) -> Sequence[LedgerEntry | None]:
        """Return the entries at these sequences, None where there is none."""
        ...

    async def shape(self) -> Shape:
        """Return what the stream says of itself."""
        ...


@dataclass
class Stretch:
    """Entries in a row that differ in one way."""

    first: int
    last: int
    code: str
    message: str

    def told(self) -> Violation:
        """Return the stretch as one violation, at its first sequence."""
        if self.first == self.last:
            return Violation(self.first, self.code, self.message)
        return Violation(self.first, self.code, f"{self.message} So up to {self.last}.")


@dataclass
class Comparison:
    """What was found so far. ``compared`` counts entries of the copy, ``stretches`` are in the order they came in."""

    compared: int = 0
    stretches: list[Stretch] = field(default_factory=list)
    more: int = 0

    @property
    def differs(self) -> bool:
        """True when ledger and copy tell different stories."""
        return bool(self.stretches)

    def add(self, copy: RecordEntry, live: LedgerEntry | None) -> None:
        """Compare one entry."""
        self.compared += 1
        unlike = difference(copy, live)
        if unlike:
            self.note(unlike)

    def note(self, unlike: Violation) -> None:
        """Take up a difference; it lengthens the last stretch where it belongs to it."""
        last = self.stretches[-1] if self.stretches else None
        if last is not None and last.code == unlike.code and unlike.seq in (last.first - 1, last.last + 1):
            if unlike.seq < last.first:
                last.first, last.message = unlike.seq, unlike.message
            else:
                last.last = unlike.seq
        elif len(self.stretches) < MOST:
            self.stretches.append(Stretch(unlike.seq, unlike.seq, unlike.code, unlike.message))
        else:
            self.more += 1

    def told(self) -> tuple[Violation, ...]:
        """Return the differences by sequence."""
        found = sorted((one.told() for one in self.stretches), key=lambda one: one.seq)
        if self.more:
            found.append(Violation(found[-1].seq, "ledger.more", f"And {self.more} entries more differ."))
        return tuple(found)


def against_shape(shape: Shape, copy_last: int) -> Violation | None:
    """Return what the stream's own count says against the ledger, given the newest sequence of the copy."""
    if shape.last < copy_last:
        return Violation(
            shape.last + 1,
            "ledger.lost",
            f"The ledger ends at {shape.last}, and the copy holds entries up to {copy_last}.",
        )
    fault = shape_fault(shape)
    if fault is None:
        return None
    return Violation(max(0, shape.first - 1), "ledger.gaps", f"Entries were lost: {fault}.")


async def compare_record(city: City, ledger: LiveLedger) -> tuple[Violation, ...]:
    """Return each difference between the copy and the ledger, by sequence; empty when the copy is a true one.

    Entries that the ledger got after the copy's last are no difference: they are on their way. Damage within the
    copy itself is told too, since what cannot be read cannot be compared.
    """
    reader = reader_of(city)
    found, lines = Comparison(), reader.entries()
    while chunk := list(islice(lines, CHUNK)):
        await add_all(found, chunk, ledger)
    reader.prove()
    _note_shape(found, await ledger.shape(), reader.last_seq, whole=reader.size == reader.last_seq)
    return tuple(sorted((*reader.violations, *found.told()), key=lambda one: one.seq))


@dataclass(frozen=True)
class Look:
    """What a look at the newest part came to: how many of how many entries were compared, and what differs."""

    compared: int
    entries: int
    differences: tuple[Violation, ...]


async def compare_end(city: City, ledger: LiveLedger, enough: Callable[[], bool]) -> Look:
    """Compare from the newest entry back, until all is done or ``enough()`` says so; differences by sequence.

    It is asked between chunks; the stream's own count, which shows whatever the server knows that it lost, always
    is looked at.
    """
    found, lines, copy_last, entries = Comparison(), iter(_backwards(city)), 0, 0
    while chunk := list(islice(lines, CHUNK)):
        if copy_last == 0:
            copy_last = chunk[0].seq
            entries = copy_last
        await add_all(found, chunk, ledger)
        if enough():
            break
    else:
        entries = found.compared
    _note_shape(found, await ledger.shape(), copy_last, whole=entries == copy_last)
    return Look(found.compared, entries, found.told())


def _note_shape(found: Comparison, shape: Shape, copy_last: int, *, whole: bool) -> None:
    """Take up what the stream's own count says; gaps count where the copy has none (``whole``), and once."""
    unlike = against_shape(shape, copy_last)
    if unlike is not None and (unlike.code != "ledger.gaps" or (whole and not found.differs)):
        found.note(unlike)


async def add_all(found: Comparison, chunk: Sequence[RecordEntry], ledger: LiveLedger) -> None:
    """Read what the ledger has at the sequences of these entries, and compare."""
    live = await ledger.get_many([line.seq for line in chunk])
    for line, entry in zip(chunk, live, strict=True):
        found.add(line, entry)


def _backwards(city: City) -> Iterable[RecordEntry]:
    """Read the copy from its end; a line that cannot be read is skipped, since ``audit verify`` is there for it."""
    for raw in lines_backwards(city.audit_folder / LEDGER):
        try:
            yield read_line(raw)
        except LineError:
            continue


def difference(copy: RecordEntry, live: LedgerEntry | None) -> Violation | None:
    """Return how one entry of the copy differs from the ledger's, if it does."""
    if live is None:
        return Violation(copy.seq, "ledger.missing", f"The ledger has no entry {copy.seq} any more.")
    what = differences(copy, live)
    if not what:
        return None
    return Violation(copy.seq, "ledger.rewritten", f"The ledger shows another {' and '.join(what)} at {copy.seq}.")
