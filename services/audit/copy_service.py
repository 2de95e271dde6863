"""Keeps the copy: waits for the folder's lock, opens the record, and lets copier and checker work until one fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import nats.errors

from schemas import streams
from schemas.events.audit import LedgerIntegrity
from services.audit.copy_plan import SealRule
from services.audit.integrity_checker import REST, IntegrityChecker
from services.audit.ledger_copier import LedgerCopier
from services.audit.media_archive import MediaArchive
from services.audit.open_record import OpenRecord, open_record
from services.audit.pull import Puller
from services.audit.record.folder import writers_lock
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import OneVoiceError
from services.kernel.base.files import ExclusiveLock
from services.kernel.base.tasks import cancel_all
from services.kernel.measures.catalogue import Measure
from services.kernel.runtime.messages.dependencies import to_entry
from services.kernel.runtime.service import Runtime

BATCH = 2_048
"""Entries that are copied in one piece at most: what a message to a thousand profiles comes to."""

AT_A_TIME = 256
"""So many are read or acknowledged in one turn of the loop."""

GATHER, LONGEST_GATHER = 0.1, 0.5
"""Seconds in which an entry that follows on another comes along: one signature and flush to disk for all of them, but
while a message goes out to many profiles no later than after so many.
"""

WAIT = 1.0
"""Seconds between looks at whether a seal is due, when nothing comes."""

LONGEST_PAUSE = 30.0
"""Seconds between tries, once trying has failed for a while."""


class CopyService:
    """One audit process's part in keeping the copy: standing by, or writing.

    ``checker`` compares the record that is open, with such a ``rest``; None while none is.
    """

    def __init__(self, runtime: Runtime, rule: SealRule | None = None, rest: float = REST) -> None:
        self._rest = rest
        self._runtime, self._rule = runtime, rule or SealRule()
        self.checker: IntegrityChecker | None = None
        self._record: OpenRecord | None = None

    def measures(self) -> Iterator[Measure]:
        """Yield how far the copy is, how old its newest checkpoint, and how many alarms are open."""
        if self._record is None:
            return
        writer = self._record.writer
        yield Measure("onevoice_second_copy_sequence", writer.last_seq)
        yield Measure("onevoice_alarms", len(self._record.alarms))
        if writer.sealed_at is not None:
            age = (self._runtime.clock.now() - writer.sealed_at).total_seconds()
            yield Measure("onevoice_checkpoint_age_seconds", max(0.0, age))

    async def run(self) -> None:
        """Keep the copy until the task is cancelled; what fails is logged, and tried again ever more slowly."""
        pause = 1.0
        while True:
            begun = monotonic()
            try:
                await self._keep_copy()
            except OneVoiceError as error:
                self._complain(error.message, error.code)
            except nats.errors.Error as error:
                self._complain(str(error), "broker.unreachable")
            except OSError as error:
                self._complain(str(error), "record.disk")
            except Exception as error:
                self._complain(f"{type(error).__name__}: {error}", "internal")
                raise  # a fault of ours: the runtime logs it whole, and starts again
            pause = 1.0 if monotonic() - begun > LONGEST_PAUSE else min(LONGEST_PAUSE, pause * 2)
            await asyncio.sleep(pause)

    async def _keep_copy(self) -> None:
        """Take the lock, open the record, copy until something fails.

        Raises:
            Damaged: the files are not as they were left; they stay as they are, and nothing is appended.
            OSError: the disk does not take what is written.
        """
        lock = writers_lock(self._runtime.city.audit_folder)
        try:
            await self._stand_by(lock)
            await self._write()
        finally:
            lock.close()

    def _complain(self, message: str, code: str) -> None:
        self._runtime.health.trouble = f"the second copy is not kept: {message}"
        self._runtime.log.error("the second copy is not kept", code=code, error=message)

    async def _stand_by(self, lock: ExclusiveLock) -> None:
        waited = False
        while not lock.take():
            if not waited:
                self._runtime.log.info("another audit process writes the copy; standing by")
            waited = True
            await asyncio.sleep(0.5)
        if waited:
            self._runtime.log.info("the other audit process is gone; taking over")

    async def _write(self) -> None:
        """Write the record until something fails: copy what comes, compare what is there, report."""
        runtime = self._runtime
        record = self._record = await open_record(runtime)
        archive = MediaArchive(runtime.city.audit_folder, runtime.ledger)
        checker = self.checker = IntegrityChecker(runtime, record, archive, self._rest)
        copier = LedgerCopier(runtime, record, archive, self._rule, checker.note)
        puller = Puller(runtime.ledger.client, streams.AUDIT_COPY, BATCH)
        try:
            await copier.check_opening()
            async with _background(checker.broadcast, checker.run) as fail:
                await copier.catch_up()
                await puller.start()
                while True:
                    runtime.health.trouble = _trouble(len(record.alarms), checker.report)
                    await _copy(puller, copier)
                    fail()
        finally:
            self.checker = self._record = None
            await puller.stop()
            await record.close()


@asynccontextmanager
async def _background(*work: Callable[[], Awaitable[None]]) -> AsyncIterator[Callable[[], None]]:
    """Run work beside the block; yield a function that raises what one of them has failed with."""
    tasks = [asyncio.ensure_future(one()) for one in work]

    def fail() -> None:
        for task in tasks:
            if task.done():
                task.result()

    try:
        yield fail
    finally:
        await cancel_all(*tasks)


async def _copy(puller: Puller, copier: LedgerCopier) -> None:
    """Copy one batch; an entry is acknowledged when it is on disk, under a signed checkpoint."""
    messages = await puller.batch(WAIT, GATHER, LONGEST_GATHER)
    if messages:
        restored = await copier.restored()
        entries = []
        for number, message in enumerate(messages, 1):
            entries.append(to_entry(message, restored))
            if not number % AT_A_TIME:
                await asyncio.sleep(0)
        safe = await copier.on_entries(entries)
        for number, (message, entry) in enumerate(zip(messages, entries, strict=True), 1):
            if entry.seq <= safe:
                await message.ack()
            if not number % AT_A_TIME:
                await asyncio.sleep(0)
    await copier.seal_if_due()


def _trouble(alarms: int, report: LedgerIntegrity) -> str | None:
    """Return what the heartbeat says, if anything."""
    said = []
    if report.standing == "contradicted":
        said.append(f"THE LEDGER CONTRADICTS ITS COPY, first at {report.first_seq}: {report.message}")
    if alarms:
        said.append(f"alarms on record: {alarms}; run onevoice audit verify")
    return "; ".join(said) or None
