"""The copier: takes batches from the ledger, puts them on disk, raises the alarm when the ledger wavers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from schemas import canonical, subjects
from schemas.events.audit import Seal
from schemas.events.envelope import Envelope
from services.audit.copy_plan import SealRule, plan
from services.audit.media_archive import MediaArchive, picture_lost
from services.audit.proof.compare import Comparison, difference
from services.audit.record.alarm_log import AlarmLog
from services.audit.record.alarms import Alarm
from services.audit.record.format import RecordEntry, write_line
from services.audit.record.violation import Violation
from services.audit.record.writer import Damaged, RecordWriter
from services.kernel.base.crashpoints import crash_point
from services.kernel.ledger.client import Entry
from services.kernel.ledger.integrity import AT_HEADER
from services.kernel.runtime.service import Runtime

_T = TypeVar("_T")
CHUNK = 512
"""Entries that are written under one fsync at most; what a long gap is filled by."""


class LedgerCopier:
    """Writes one open record. All disk work runs in one thread, in order, so that the event loop never waits.

    When a method raises OSError or Damaged, the record must be opened anew. ``joined``: the ledger has the copy's last
    entry as the copy has it; what follows on another one is another story, and is not put on top of the copy's.
    ``noted`` is told of each difference that is seen while copying.
    """

    def __init__(
        self, runtime: Runtime, record: RecordWriter, alarms: AlarmLog, rule: SealRule, archive: MediaArchive
    ) -> None:
        self._runtime, self._record, self._alarms, self._rule = runtime, record, alarms, rule
        self._archive = archive
        self.noted: Callable[[Violation], None] = lambda _what: None
        self.joined = True
        self._disk = ThreadPoolExecutor(1, "audit-disk")
        self._unsealed, self._since = 0, runtime.clock.monotonic()
        self._newest: Envelope | None = None

    async def check_opening(self) -> None:
        """Compare the end of the copy with the ledger, and sign what a crash left without a checkpoint.

        Raises:
            Damaged: an entry that was never signed is not what the ledger has; nobody vouches for it.
        """
        record, ledger = self._record, self._runtime.ledger
        last = (await ledger.shape()).last
        if last < record.last_seq:
            self.joined = False
            await self._differs(_lost(last, record.last_seq))
        start = min(record.sealed_size, max(0, record.size - 1))
        tail = await self.on_disk(lambda: list(record.since(start)))
        sealed_seq = tail[0].seq if record.sealed_size == record.size and tail else 0
        for line in tail:
            live = await ledger.get(line.seq)
            unlike = difference(line, live)
            if unlike and live and line.seq != sealed_seq:
                raise Damaged("record.unsealed_differs", unlike.message, "compare by hand; nothing was changed here")
            if unlike:
                self.joined = self.joined and line.seq != record.last_seq
                await self._differs(unlike, live)
        if record.sealed_size < record.size:
            self._newest = await self.on_disk(lambda: record.seal(self._runtime.clock.now()))
        self._unsealed = 1 if record.size else 0

    async def catch_up(self, limit: int) -> None:
        """Copy up to ``limit`` entries straight from the ledger.

        The durable may have handed them to a process that is gone, and would offer them again only later.
        """
        newest = min((await self._runtime.ledger.shape()).last, self._record.last_seq + limit)
        if newest > self._record.last_seq and self.joined:
            async for chunk in self._with_gaps_filled((), newest):
                await self._keep(chunk)

    async def on_entries(self, entries: Sequence[Entry]) -> int:
        """Copy a batch; what is on disk when this returns, under a signed checkpoint, may be acknowledged.

        Returns:
            The newest sequence that may be acknowledged.
        """
        work = plan(self._record.last_seq, entries)
        if work.known:
            await self._compare(work.known)
        if work.new and not self.joined:
            await self._look_at_join()
        if self.joined:
            async for chunk in self._with_gaps_filled(work.new):
                await self._keep(chunk)
        return self._record.last_seq

    async def _look_at_join(self) -> None:
        """Look whether the ledger has the copy's last entry as the copy has it."""
        last = self._record.last
        self.joined = last is None or difference(last, await self._runtime.ledger.get(last.seq)) is None

    async def seal_if_due(self) -> None:
        """Append the newest checkpoint to the ledger, if the rule says so."""
        if not self.joined or not self._rule.due(self._unsealed, self._runtime.clock.monotonic() - self._since):
            return
        now = self._runtime.clock.now()
        envelope = self._newest or await self.on_disk(lambda: self._record.seal(now))
        await self._runtime.ledger.append(subjects.SEAL, Seal(at=now, checkpoint=envelope))
        crash_point("audit.seal.stored")
        self._unsealed = 0

    async def close(self) -> None:
        """Finish what is being written, then close the files."""
        await asyncio.get_running_loop().run_in_executor(self._disk, self._record.close)
        self._alarms.close()
        self._disk.shutdown()

    async def _keep(self, chunk: Sequence[Entry]) -> None:
        record, now = self._record, self._runtime.clock.now()

        def write() -> Envelope:
            record.append(chunk)
            crash_point("audit.entries.written")
            return record.seal(now)

        for seq, sha256 in await self._archive.keep(chunk):
            await self.alarm(picture_lost(seq, sha256))
        await self._say_backdated(chunk)
        self._newest = await self.on_disk(write)
        crash_point("audit.checkpoint.written")
        counting = sum(entry.subject != subjects.SEAL for entry in chunk)
        if counting and not self._unsealed:
            self._since = self._runtime.clock.monotonic()
        self._unsealed += counting

    async def _with_gaps_filled(self, new: Sequence[Entry], newest: int = 0) -> AsyncIterator[Sequence[Entry]]:
        """Yield chunks without gaps up to the newest, reading from the ledger what the batch does not have."""
        at_hand = {entry.seq: entry for entry in new}
        first, end = self._record.last_seq + 1, max([newest, *at_hand], default=0) + 1
        for start in range(first, end, CHUNK):
            seqs = range(start, min(start + CHUNK, end))
            asked = [seq for seq in seqs if seq not in at_hand]
            at_hand |= {entry.seq: entry for entry in await self._runtime.ledger.get_many(asked) if entry}
            await self._say_holes([seq for seq in asked if seq not in at_hand])
            yield [at_hand[seq] for seq in seqs if seq in at_hand]

    async def _say_holes(self, missing: Sequence[int]) -> None:
        """Raise an alarm for each stretch of entries that neither ledger nor copy has."""
        holes = Comparison()
        for seq in missing:
            holes.note(_hole(seq))
        for hole in holes.told():
            await self._differs(hole)

    async def _say_backdated(self, chunk: Sequence[Entry]) -> None:
        """Only what the copy holds is ever put back with an older time: on a new entry that is an alarm."""
        older = [entry.seq for entry in chunk if AT_HEADER in entry.headers]
        if older:
            what = f"{len(older)} entries carry the time of a restore, and the copy did not have them."
            await self.alarm(Violation(older[0], "ledger.backdated", what))

    async def _compare(self, known: Sequence[Entry]) -> None:
        """Hold entries that came again against the copy: another body under a known sequence is an alarm."""
        copies = await self.on_disk(lambda: self._record.find({entry.seq for entry in known}))
        for entry in known:
            copy = copies.get(entry.seq)
            unlike = difference(copy, entry) if copy else _unknown(entry.seq)
            if unlike:
                await self._differs(unlike, entry)
                await self._look_at_join()

    async def _differs(self, what: Violation, live: Entry | RecordEntry | None = None) -> None:
        """Raise an alarm about what the ledger shows, and have everything compared."""
        await self.alarm(what, live)
        self.noted(what)

    async def alarm(self, what: Violation, live: Entry | RecordEntry | None = None) -> None:
        """Put an alarm on record and into the log, once."""
        alarm = Alarm(
            at=self._runtime.clock.now(),
            seq=what.seq,
            code=what.code,
            message=what.message,
            evidence=write_line(live)[0].decode() if live else "",
            evidence_body=canonical.sha256(live.data) if live else None,
        )
        if await self.on_disk(lambda: self._alarms.add(alarm)):
            self._runtime.log.error("ALARM: the record", code=alarm.code, seq=alarm.seq, error=alarm.message)

    async def on_disk(self, work: Callable[[], _T]) -> _T:
        """Run work in the one thread of the disk, after all that was asked for before."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)


def _lost(last: int, kept: int) -> Violation:
    return Violation(
        last + 1, "ledger.lost", f"The ledger ends at {last}; the copy holds entries up to {kept} and keeps them."
    )


def _hole(seq: int) -> Violation:
    return Violation(seq, "ledger.hole", f"The ledger has no entry {seq}, and neither has the copy.")


def _unknown(seq: int) -> Violation:
    return Violation(seq, "ledger.late", f"The ledger shows an entry {seq} that was not there before.")
