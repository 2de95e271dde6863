"""One open record with its alarms; its disk work runs in one thread, in order, so that the event loop never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from schemas import canonical
from services.audit.record.alarm_log import AlarmLog
from services.audit.record.alarms import Alarm
from services.audit.record.audit_keys import pinned_succession
from services.audit.record.format import LedgerEntry, write_line
from services.audit.record.violation import Violation
from services.audit.record.writer import RecordWriter
from services.audit.sealing import sealing_key
from services.kernel.runtime.service import Runtime

_T = TypeVar("_T")


class OpenRecord:
    """The record that one process writes while it holds the folder's lock, and the alarms beside it."""

    def __init__(self, runtime: Runtime, record: RecordWriter, alarms: AlarmLog) -> None:
        self.writer, self.alarms = record, alarms
        self._runtime = runtime
        self._disk = ThreadPoolExecutor(1, "audit-disk")

    async def on_disk(self, work: Callable[[], _T]) -> _T:
        """Run work in the one thread of the disk, after all that was asked for before."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)

    async def alarm(self, what: Violation, live: LedgerEntry | None = None) -> None:
        """Put an alarm on record and into the log, once; ``live`` is the entry that the ledger showed."""
        alarm = Alarm(
            at=self._runtime.clock.now(),
            seq=what.seq,
            code=what.code,
            message=what.message,
            evidence=write_line(live)[0].decode() if live else "",
            evidence_body=canonical.sha256(live.data) if live else None,
        )
        if await self.on_disk(lambda: self._keep(alarm)):
            self._runtime.log.error("ALARM: the record", code=alarm.code, seq=alarm.seq, error=alarm.message)

    def _keep(self, alarm: Alarm) -> bool:
        """Add an alarm, and sign that it is there; what was not compared yet is signed later, with the alarm."""
        if not self.alarms.add(alarm):
            return False
        if self.writer.size and self.writer.sealed_size == self.writer.size:
            self.writer.seal(alarm.at)
        return True

    async def close(self) -> None:
        """Finish what is being written, then close the files."""
        await self.on_disk(self.writer.close)
        self.alarms.close()
        self._disk.shutdown()


async def open_record(runtime: Runtime) -> OpenRecord:
    """Open the realm's record; the caller holds the folder's lock.

    Raises:
        Damaged: the files are not as they were left; they stay as they are.
        OSError: the disk does not take what is written.
    """
    city = runtime.city
    succession = await asyncio.to_thread(pinned_succession, city)
    signer = sealing_key(city, succession.keys.newest)
    alarms = AlarmLog(city.audit_folder)
    try:
        record = await asyncio.to_thread(
            RecordWriter, city.audit_folder, city.realm, signer, succession, lambda key: sealing_key(city, key)
        )
    except BaseException:
        alarms.close()
        raise
    found = record.opening
    if found.cut_entries or found.cut_checkpoints:
        runtime.log.warning(
            "a line that a crash had cut off was taken away; it was never acknowledged",
            entry_bytes=found.cut_entries,
            checkpoint_bytes=found.cut_checkpoints,
        )
    runtime.log.info("the record is open", entries=record.size, last_seq=record.last_seq, unsigned=found.unsealed)
    return OpenRecord(runtime, record, alarms)
