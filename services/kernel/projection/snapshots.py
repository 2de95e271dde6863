"""Keeps a service's snapshot on its own disk, and starts from it (services.kernel.projection.snapshot)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas import subjects
from services.kernel.base.clock import Clock
from services.kernel.base.tasks import cancel_all
from services.kernel.fold.ledger_fold import EVERYTHING, LedgerFold
from services.kernel.fold.reopening import resume
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.entry import Entry
from services.kernel.ledger.integrity.checks import HINT, IntegrityFault, check_remembered
from services.kernel.projection.projection import Projection
from services.kernel.projection.request_entries import entries_on
from services.kernel.projection.snapshot import Snapshot, hash_of, read, taken
from services.kernel.projection.source import Source


@dataclass(frozen=True)
class SnapshotPace:
    """How often it is asked whether a snapshot is due, in seconds, and how many new entries make one worth writing."""

    seconds: float = 10.0
    entries: int = 1_000


USUAL = SnapshotPace()


class Snapshots:
    """The snapshot of one process's fold."""

    def __init__(
        self,
        path: Path,
        projection: Projection,
        source: Source,
        ledger: Ledger,
        clock: Clock,
        log: Any,
        pace: SnapshotPace = USUAL,
    ) -> None:
        self._path, self._projection, self._source = path, projection, source
        self._ledger, self._clock, self._log, self._pace = ledger, clock, log, pace
        self._kept = 0
        self._told = False
        self._writing: asyncio.Future[None] | None = None

    async def resume(self) -> IntegrityFault | None:
        """Start from the snapshot if there is one; return the error for a ledger that lacks its entry.

        Raises:
            Unreachable: the ledger cannot be read.
        """
        projection = self._projection
        snapshot = await self._read()
        if snapshot is None:
            return None
        newest = await self._source.get(snapshot.seq)
        fault = self._fault(snapshot, newest)
        if fault is not None:
            projection.sharing.hold_back(fault)
        if newest is None or fault is not None:
            return fault
        fold = LedgerFold(projection.fold.authority, EVERYTHING, chain=snapshot.chain())
        fold.ruled_from = snapshot.ruled_from
        resume(fold, await self._part(snapshot), frozenset(snapshot.counted), self._clock.monotonic())
        fold.seq = snapshot.seq
        fold.taken_over = snapshot.sleepers(self._clock.monotonic())
        projection.fold, projection.newest, self._kept = fold, newest, snapshot.seq
        projection.sharing.has_seen(snapshot.seq)
        self._log.info("starts from a snapshot", seq=snapshot.seq, open=len(fold.requests))
        return None

    async def keep(self) -> None:
        """Take one now and then."""
        while True:
            await asyncio.sleep(self._pace.seconds)
            if self._projection.fold.seq >= self._kept + self._pace.entries:
                await self.take()

    async def keep_during(self, work: Coroutine[Any, Any, None]) -> None:
        """Do work, and take one now and then meanwhile: a first start that breaks off goes on from there."""
        keeping = asyncio.create_task(self.keep())
        try:
            await work
        finally:
            await cancel_all(keeping)

    async def take(self) -> None:
        """Take one of this moment, if there is anything new; none of a ledger with an integrity fault.

        It returns when nothing is written any more: a thread goes on with what a task that was cancelled had begun.
        """
        if self._writing is not None:
            await asyncio.wait({self._writing})
        projection, ledger = self._projection, self._ledger
        newest = projection.newest
        if newest is None or newest.seq <= self._kept or ledger.fault is not None:
            return
        snapshot = taken(projection.fold, newest)
        if snapshot is None:
            return
        self._writing = asyncio.ensure_future(asyncio.to_thread(snapshot.write, self._path))
        try:
            await asyncio.shield(self._writing)
        except OSError as error:
            self._warn("the snapshot cannot be written: the next start reads the whole ledger", error.strerror)
            return
        self._kept = snapshot.seq

    async def _read(self) -> Snapshot | None:
        try:
            raw = await asyncio.to_thread(self._path.read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._warn("the snapshot cannot be read: the whole ledger is", error.strerror)
            return None
        found = read(raw, self._projection.fold.authority)
        if found is None:
            self._warn("the snapshot is damaged or of another version: the whole ledger is read", None)
        return found

    async def _part(self, snapshot: Snapshot) -> list[Entry]:
        """Read control and what is open, as it stood at the snapshot."""
        found = await self._projection.all_of(subjects.CONTROL)
        for name, _ in snapshot.requests:
            found += await entries_on(name, self._projection, snapshot.seq)
        return [entry for entry in found if entry.seq <= snapshot.seq]

    def _fault(self, snapshot: Snapshot, found: Entry | None) -> IntegrityFault | None:
        return check_remembered(
            f"this service has a snapshot of entry {snapshot.seq}",
            same=found is not None and hash_of(found) == snapshot.entry,
            missing=found is None,
            hint=f"{HINT}; where what is lost is known and accepted, delete {self._path}",
        )

    def _warn(self, text: str, reason: str | None) -> None:
        if not self._told:
            self._log.warning(text, path=str(self._path), reason=reason)
        self._told = True
