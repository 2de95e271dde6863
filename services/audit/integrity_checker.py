"""Compares the whole copy with the live ledger, again and again, and reports whether the ledger is sound.

It goes slowly, so that it costs the services nothing, and at full speed while somebody waits for its answer. What
it finds is an alarm on record and in the log, and is broadcast (``audit.standing``): then no service accepts,
decides or posts anything, until a comparison from first to last finds nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from itertools import islice

from schemas import subjects
from schemas.events.audit import LedgerIntegrity
from services.audit.media_archive import MediaArchive, picture_lost
from services.audit.open_record import OpenRecord
from services.audit.proof.compare import CHUNK, Comparison, compare
from services.audit.record.format import RecordEntry
from services.audit.record.violation import Violation
from services.kernel.base.clock import monotonic
from services.kernel.runtime.service import Runtime

BETWEEN_CHUNKS = 0.1
"""Seconds between two chunks at least, while nobody waits."""

REST = 9.0
"""While nobody waits it compares in a tenth of the time: after each chunk it rests so many times as long."""

BETWEEN_PASSES = 600.0
REPORT_SECONDS = 1.0


class IntegrityChecker:
    """Compares one open record with the ledger. ``report`` is what it came to so far.

    An alarm that no comparison can answer, because the copy lacks the entry as well, counts too: the ledger is
    contradicted until a person has closed it. ``rest``: how many times as long as it compares it rests.
    """

    def __init__(self, runtime: Runtime, record: OpenRecord, archive: MediaArchive, rest: float = REST) -> None:
        self._rests = rest
        self._runtime, self._record, self._archive = runtime, record, archive
        self._hurry, self._asked, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._waiting = 0
        self._noted: list[Violation] = []
        self.report = LedgerIntegrity(at=runtime.clock.now(), standing="comparing", entries=record.writer.size)

    async def run(self) -> None:
        """Compare, wait, compare again; raises what the broker or the disk raises."""
        while True:
            self._hurry.clear()
            await self._pass()
            self._ended.set()
            try:
                async with asyncio.timeout(BETWEEN_PASSES):
                    await self._hurry.wait()
            except TimeoutError:
                self._archive.forget()

    async def broadcast(self) -> None:
        """Broadcast the report, again and again: a service that starts gets it soon."""
        while True:
            await self._runtime.bus.publish(subjects.AUDIT_STANDING, self._now())
            await asyncio.sleep(REPORT_SECONDS)

    def note(self, what: Violation) -> None:
        """Take up what was seen while copying: the ledger is contradicted, and everything is compared again."""
        self._noted.append(what)
        self._contradicted((what,), 1)
        self._hurry.set()

    async def answer(self, seconds: float) -> LedgerIntegrity:
        """Hasten the comparison, wait at most so many seconds for its end, and return the report."""
        self._ended.clear()
        self._waiting += 1
        self._hurry.set()
        self._asked.set()
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1
        return self._now()

    async def _pass(self) -> None:
        """Compare everything once, from the first entry to the one that was the last when it began."""
        self._noted.clear()
        found, end = Comparison(), self._record.writer.size
        await self._look_at_count(found)
        began = monotonic()
        async for chunk in compare(found, self._chunks(end), self._runtime.ledger):
            for seq, sha256 in await self._archive.keep(chunk):
                await self._record.alarm(picture_lost(seq, sha256))
            self._progress(found, end)
            if not self._waiting and found.compared < end:
                await self._rest(self._rests * (monotonic() - began))
            began = monotonic()
        await self._look_at_count(found)
        for difference in found.differences():
            await self._record.alarm(difference)
        self._conclude(found, end)

    async def _rest(self, seconds: float) -> None:
        """Leave the processor to others, until somebody asks."""
        self._asked.clear()
        try:
            async with asyncio.timeout(max(BETWEEN_CHUNKS, seconds)):
                await self._asked.wait()
        except TimeoutError:
            return

    async def _chunks(self, end: int) -> AsyncIterator[list[RecordEntry]]:
        """Read the first ``end`` entries in the disk's thread; the copy goes on growing meanwhile."""
        for start in range(0, end, CHUNK):
            yield await self._record.on_disk(partial(self._read, start, min(CHUNK, end - start)))

    def _read(self, start: int, count: int) -> list[RecordEntry]:
        return list(islice(self._record.writer.since(start), count))

    async def _look_at_count(self, found: Comparison) -> None:
        """Take the stream's own count at its word, at once; gaps that the copy has too are no difference."""
        shape = await self._runtime.ledger.shape()
        unlike = found.add_count(shape, self._record.writer.last_seq, whole=False)
        if unlike is not None:
            await self._record.alarm(unlike)
            self._contradicted((unlike,), 1)

    def _progress(self, found: Comparison, end: int) -> None:
        if found.differs:
            self._contradicted(found.differences(), found.places)
        self.report = self.report.model_copy(
            update={"compared": found.compared, "entries": end, "last_seq": self._record.writer.last_seq}
        )

    def _conclude(self, found: Comparison, end: int) -> None:
        self._progress(found, end)
        now, lasting = self._runtime.clock.now(), self._record.alarms.lasting()
        if lasting is not None and not found.differs:
            self._contradicted((lasting,), 1)
        if found.differs or self._noted or lasting is not None:
            self.report = self.report.model_copy(update={"finished_at": now})
            return
        if self.report.standing == "contradicted":
            self._runtime.log.warning("the ledger is what the copy holds, from first to last", entries=end)
        self.report = LedgerIntegrity(
            at=now,
            standing="sound",
            compared=end,
            entries=end,
            last_seq=self._record.writer.last_seq,
            finished_at=now,
        )

    def _contradicted(self, differences: tuple[Violation, ...], count: int) -> None:
        first = differences[0]
        if self.report.standing != "contradicted":
            said = {"seq": first.seq, "code": first.code, "error": first.message}
            self._runtime.log.error("THE LEDGER CONTRADICTS ITS COPY", **said)
        self.report = self.report.model_copy(
            update={
                "standing": "contradicted",
                "first_seq": first.seq,
                "differences": count,
                "code": first.code,
                "message": first.message,
            }
        )

    def _now(self) -> LedgerIntegrity:
        return self.report.model_copy(update={"at": self._runtime.clock.now()})
