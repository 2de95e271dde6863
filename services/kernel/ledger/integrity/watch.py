"""A service's watch over the ledger: while there is an integrity fault, nothing is accepted, decided or posted here.

Faults come from the service's own eyes (an ack at a sequence that stood already, the high-water mark, its snapshot),
from the stream's own count, and from the audit service, which compares everything. The first last until a person has
mended the ledger and started the service again; the others end when the audit service reports that all is sound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas import flow
from schemas.events.audit import LedgerIntegrity
from services.kernel.base.city import City
from services.kernel.base.errors import Unproven
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.entry import Entry
from services.kernel.ledger.integrity.checks import CONTRADICTED, HINT, IntegrityFault, check_count, check_report
from services.kernel.ledger.integrity.high_water import HighWaterMark, mark_of, read_mark

MARK_SECONDS = 1.0
"""How often the newest entry is written into the mark's file."""

LOOKS_BETWEEN = 10
"""The stream's own count is looked at each so many marks."""


class IntegrityWatch:
    """One service instance's watch. ``newest`` returns the newest entry that the service has folded, or None.

    ``mark_path``: the file of the high-water mark, for who folds; ``keeps_mark``: it is written here, and not by
    another service of this process. ``judges_itself``: the audit service, which compares with the copy, relies on no
    report, and works on a ledger in any state. ``report``: the audit service's last one.
    """

    def __init__(
        self,
        row: flow.Service,
        city: City,
        ledger: Ledger,
        log: Any,
        newest: Callable[[], Entry | None],
        mark_path: Path | None,
        *,
        keeps_mark: bool,
    ) -> None:
        self._city, self._ledger, self._log, self._newest = city, ledger, log, newest
        self.mark_path, self._keeps_mark = mark_path, keeps_mark
        self.judges_itself = row.name == "audit"
        self.report: LedgerIntegrity | None = None
        self._seen: IntegrityFault | None = None
        self._counted: IntegrityFault | None = None
        self._reported: IntegrityFault | None = None
        self._vouched = False
        self._written: HighWaterMark | None = None
        self._told = False

    @property
    def trouble(self) -> str | None:
        """Return the heartbeat's words for it."""
        fault = self._ledger.fault
        return None if fault is None else f"holds everything back: {fault.message}"

    async def begin(self) -> None:
        """Look before any work is taken up; raises Unreachable when the ledger cannot be asked."""
        if self.judges_itself:
            return
        await self._look_at_count()
        if self.mark_path is not None:
            await self._look_at_mark(self.mark_path)
        self._settle()

    def take_up(self, fault: IntegrityFault | None) -> None:
        """Hold everything back for good where the ledger lacks what this service has seen."""
        self._seen = self._seen or fault
        self._settle()

    def refuse_new_beginning(self) -> None:
        """Refuse to begin an empty ledger again where a second copy shows that it had begun before.

        Raises:
            Unproven: ``ledger.lost``.
        """
        record = self._city.record_path
        if record.is_file() and record.stat().st_size:
            raise Unproven(
                "ledger.lost",
                f"the ledger is empty, and its second copy is not ({record}): no new one is begun",
                "onevoice audit restore brings it back",
            )

    async def on_report(self, report: LedgerIntegrity) -> None:
        """Take up what the audit service's comparison came to."""
        self.report = report
        if report.standing == "comparing" or self.judges_itself:
            return
        self._reported = check_report(report)
        self._vouched = self._reported is None
        if self._vouched:
            self._counted = None
        self._settle()

    async def run(self) -> None:
        """Go on looking, and keep the high-water mark."""
        looks = 0
        while not self.judges_itself:
            await asyncio.sleep(MARK_SECONDS)
            looks += 1
            if looks % LOOKS_BETWEEN == 0:
                await self._look_at_count()
            self._settle()
            if self._keeps_mark and self.mark_path is not None:
                await self._write_mark(self.mark_path)

    async def _look_at_count(self) -> None:
        fault = check_count(await self._ledger.shape())
        # Gaps that the copy has too were compared and found sound: the count alone does not hold the city back then.
        if fault is None or not self._vouched:
            self._counted = fault

    async def _look_at_mark(self, path: Path) -> None:
        ledger = self._ledger
        try:
            mark = await asyncio.to_thread(read_mark, path)
        except IntegrityFault as fault:
            self._seen = fault
            return
        if mark is None:
            return
        self._seen = mark.check(await ledger.get(mark.seq), path)
        if mark.fault:
            self._reported = IntegrityFault(CONTRADICTED, mark.fault, HINT)
        ledger.highest = max(ledger.highest, mark.seq)

    async def _write_mark(self, path: Path) -> None:
        newest = self._newest()
        if newest is None or self._seen is not None:
            return  # the mark that shows the loss must outlive it
        mark = mark_of(newest, self._reported.message if self._reported else "")
        if mark == self._written:
            return
        try:
            await asyncio.to_thread(mark.write, path)
        except OSError as error:
            if not self._told:
                said = "the high-water mark cannot be written: a ledger that loses its end may go unnoticed here"
                self._log.warning(said, path=str(path), reason=error.strerror)
            self._told = True
        else:
            self._written, self._told = mark, False

    def _settle(self) -> None:
        """Bring the ledger's fault up to date; what was seen by the service's own eyes stays."""
        ledger, log = self._ledger, self._log
        raised = ledger.fault
        # An append or the projection may have raised one meanwhile; one that was only reported may pass.
        if raised is not None and raised not in (self._counted, self._reported) and raised.code != CONTRADICTED:
            self._seen = self._seen or raised
        ledger.fault = self._seen or self._reported or self._counted
        if ledger.fault is not None and raised is None:
            log.error("holds everything back", code=ledger.fault.code, error=ledger.fault.message)
        elif ledger.fault is None and raised is not None:
            log.warning("the ledger is vouched for again: going on")
