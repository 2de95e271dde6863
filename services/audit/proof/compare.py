"""Comparing the second copy with the live ledger, sequence by sequence.

There is one procedure, ``compare``: entries of the copy and what the ledger shows go in, chunk by chunk, differences
come out, neighbours of one kind as one. A restore compares all at once (``compare_record``), a start the newest part
(``compare_end``), the audit service again and again in the background (services.audit.integrity_checker).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from services.audit.proof.verify import reader_of
from services.audit.record.format import LedgerEntry, RecordEntry, differences
from services.audit.record.reader import read_backwards
from services.audit.record.violation import Violation
from services.kernel.base.city import City
from services.kernel.ledger.integrity.checks import Shape, miscount

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
        """Return the stream's own count."""
        ...


@dataclass
class Stretch:
    """Entries in a row that differ in one way."""

    first: int
    last: int
    code: str
    message: str

    def violation(self) -> Violation:
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
        """True when ledger and copy differ."""
        return bool(self.stretches)

    @property
    def places(self) -> int:
        """How many stretches differ."""
        return len(self.stretches) + self.more

    def add(self, copy: RecordEntry, live: LedgerEntry | None) -> None:
        """Compare one entry."""
        self.compared += 1
        unlike = difference(copy, live)
        if unlike:
            self.note(unlike)

    def add_count(self, shape: Shape, copy_last: int, *, whole: bool) -> Violation | None:
        """Take up what the stream's own count shows against the ledger; return it, if nothing else showed it yet.

        Args:
            shape: the stream's own count.
            copy_last: the newest sequence of the copy.
            whole: the copy has no gap itself, so a gap of the ledger is a difference.
        """
        if shape.last < copy_last:
            unlike = lost_end(shape.last, copy_last)
        else:
            wrong = miscount(shape)
            if wrong is None or self.differs or not whole:
                return None
            unlike = Violation(max(0, shape.first - 1), "ledger.gaps", f"Entries were lost: {wrong}.")
        if any(one.code == unlike.code for one in self.stretches):
            return None
        self.note(unlike)
        return unlike

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

    def differences(self) -> tuple[Violation, ...]:
        """Return the differences by sequence."""
        found = sorted((one.violation() for one in self.stretches), key=lambda one: one.seq)
        if self.more:
            found.append(Violation(found[-1].seq, "ledger.more", f"And {self.more} entries more differ."))
        return tuple(found)


async def compare(
    found: Comparison, chunks: AsyncIterator[Sequence[RecordEntry]], ledger: LiveLedger
) -> AsyncIterator[Sequence[RecordEntry]]:
    """Compare chunk by chunk; yield each one that is compared, so that the caller may wait, look or stop."""
    async for chunk in chunks:
        live = await ledger.get_many([copy.seq for copy in chunk])
        for copy, entry in zip(chunk, live, strict=True):
            found.add(copy, entry)
        yield chunk


async def chunks_of(entries: Iterable[RecordEntry]) -> AsyncIterator[Sequence[RecordEntry]]:
    """Yield entries in chunks as large as ``compare`` wants them."""
    left = iter(entries)
    while chunk := list(islice(left, CHUNK)):
        yield chunk


async def compare_record(city: City, ledger: LiveLedger) -> tuple[Violation, ...]:
    """Return each difference between the copy and the ledger, by sequence; empty when the copy is a true one.

    Entries that the ledger got after the copy's last are no difference: they are on their way. Damage within the
    copy itself is reported too, since what cannot be read cannot be compared.
    """
    reader, found = reader_of(city), Comparison()
    async for _ in compare(found, chunks_of(reader.entries()), ledger):
        pass
    reader.prove()
    found.add_count(await ledger.shape(), reader.last_seq, whole=reader.size == reader.last_seq)
    return tuple(sorted((*reader.violations, *found.differences()), key=lambda one: one.seq))


@dataclass(frozen=True)
class EndComparison:
    """What comparing the newest part came to: how many of how many entries were compared, and what differs."""

    compared: int
    entries: int
    differences: tuple[Violation, ...]


async def compare_end(city: City, ledger: LiveLedger, enough: Callable[[], bool]) -> EndComparison:
    """Compare from the newest entry back, until all is done or ``enough()`` says so; differences by sequence.

    It is asked between chunks; the stream's own count, which shows whatever the server knows that it lost, always
    is looked at.
    """
    found, copy_last, done = Comparison(), 0, False
    async for chunk in compare(found, chunks_of(read_backwards(city.audit_folder)), ledger):
        copy_last = copy_last or chunk[0].seq
        if enough():
            break
    else:
        done = True
    entries = found.compared if done else copy_last
    found.add_count(await ledger.shape(), copy_last, whole=entries == copy_last)
    return EndComparison(found.compared, entries, found.differences())


def difference(copy: RecordEntry, live: LedgerEntry | None) -> Violation | None:
    """Return how one entry of the copy differs from the ledger's, if it does."""
    if live is None:
        return Violation(copy.seq, "ledger.missing", f"The ledger has no entry {copy.seq} any more.")
    what = differences(copy, live)
    if not what:
        return None
    return Violation(copy.seq, "ledger.rewritten", f"The ledger shows another {' and '.join(what)} at {copy.seq}.")


def lost_end(last: int, copy_last: int) -> Violation:
    """Return the difference of a ledger that ends before its copy does."""
    return Violation(
        last + 1, "ledger.lost", f"The ledger ends at {last}; the copy holds entries up to {copy_last} and keeps them."
    )


def hole(seq: int) -> Violation:
    """Return the difference of an entry that neither ledger nor copy has."""
    return Violation(seq, "ledger.hole", f"The ledger has no entry {seq}, and neither has the copy.")


def late(seq: int) -> Violation:
    """Return the difference of an entry that the ledger shows where the copy had found none."""
    return Violation(seq, "ledger.late", f"The ledger shows an entry {seq} that was not there before.")
