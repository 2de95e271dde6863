"""What the services of one process share beside the fold: what one of them learns of the ledger, all know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from services.kernel.base.errors import OneVoiceError
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.entry import Entry
from services.kernel.ledger.integrity.checks import IntegrityFault, unfolded


class Sharing:
    """The ledgers of the services that go by one fold.

    ``end``: what ends the process, in order, with an error. ``mark_path``: the file of their high-water mark.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledgers = [ledger]
        self.end: Callable[[OneVoiceError], None] | None = None
        self.mark_path: Path | None = None
        self._unfolded: IntegrityFault | None = None

    def add(self, ledger: Ledger) -> None:
        """Let another service know too."""
        self._ledgers.append(ledger)

    def folded(self, entry: Entry) -> None:
        """Note an entry that was folded."""
        for ledger in self._ledgers:
            ledger.folded(entry)

    def hold_back(self, fault: IntegrityFault) -> None:
        """Have none of them accept, decide or post anything."""
        for ledger in self._ledgers:
            ledger.fault = ledger.fault or fault

    def has_seen(self, seq: int) -> None:
        """Note that the ledger had so many entries: what is stored from now on stands after them."""
        for ledger in self._ledgers:
            ledger.highest = max(ledger.highest, seq)

    @contextmanager
    def whole(self, seq: int) -> Iterator[None]:
        """Fold what is folded here wholly, or nothing any more: want of memory is this process's alone, and its fold
        would be another than everybody's. So the process ends; it begins again, from a snapshot of before.

        Raises:
            IntegrityFault: ``ledger.unfolded``, there was no memory for it, or for one before.
        """
        if self._unfolded is not None:
            raise self._unfolded
        try:
            yield
        except MemoryError as error:
            self._unfolded = fault = unfolded(seq)
            self.hold_back(fault)
            if self.end is not None:
                self.end(fault)
            raise fault from error
