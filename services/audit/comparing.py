"""The comparer: holds the whole copy against the live ledger, again and again, and says how the ledger stands.

It goes slowly, so that it costs the services nothing, and at full speed while somebody waits for its answer. What
it finds is an alarm on record and in the log, and is broadcast (``audit.standing``): then no service accepts,
decides or posts anything, until a comparison from first to last finds nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from schemas import subjects
from schemas.events.audit import LedgerStanding
from services.audit.gallery import Gallery, picture_lost
from services.audit.record import Record
from services.audit.verify.compare import CHUNK, Comparison, add_all, against_shape
from services.audit.verify.line import Line
from services.audit.verify.report import Violation
from services.kernel.runtime.service import Runtime

if TYPE_CHECKING:
    from services.audit.handlers import Copyist

BETWEEN_CHUNKS = 0.1
"""Seconds between two chunks while nobody waits."""

BETWEEN_PASSES = 600.0
SAY_EVERY = 1.0


class Comparer:
    """Compares one open record with the ledger. ``standing`` is what it came to so far.

    ``lasting`` returns an alarm that no comparison can answer, because the copy lacks the entry as well: the ledger
    counts as contradicted until a person has closed it.
    """

    def __init__(
        self, runtime: Runtime, record: Record, desk: Copyist, gallery: Gallery, lasting: Callable[[], Violation | None]
    ) -> None:
        self._runtime, self._record, self._desk, self._gallery = runtime, record, desk, gallery
        self._lasting = lasting
        self._hurry, self._ended = asyncio.Event(), asyncio.Event()
        self._waiting = 0
        self._noted: list[Violation] = []
        self.standing = LedgerStanding(at=runtime.clock.now(), standing="comparing", entries=record.size)

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
                self._gallery.forget()

    async def say(self) -> None:
        """Broadcast how the ledger stands, again and again: a service that starts hears it soon."""
        while True:
            await self._runtime.bus.publish(subjects.AUDIT_STANDING, self._now())
            await asyncio.sleep(SAY_EVERY)

    def note(self, what: Violation) -> None:
        """Take up what the copyist saw while it copied: the ledger is contradicted, and all is compared anew."""
        self._noted.append(what)
        self._contradicted((what,), 1)
        self._hurry.set()

    async def answer(self, seconds: float) -> LedgerStanding:
        """Hasten the comparison, wait at most so many seconds for its end, and return how the ledger stands."""
        self._ended.clear()
        self._waiting += 1
        self._hurry.set()
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
        found, index, end = Comparison(), 0, self._record.size
        await self._look_at_shape(found)
        while index < end:
            lines = await self._desk.on_disk(partial(self._lines, index, min(CHUNK, end - index)))
            await add_all(found, lines, self._runtime.ledger)
            for seq, sha256 in await self._gallery.keep(lines):
                await self._desk.alarm(picture_lost(seq, sha256))
            index += len(lines)
            self._progress(found, end)
            if not self._waiting and index < end:
                await asyncio.sleep(BETWEEN_CHUNKS)
        await self._look_at_shape(found)
        for difference in found.told():
            await self._desk.alarm(difference)
        self._conclude(found, end)

    def _lines(self, start: int, count: int) -> list[Line]:
        return list(islice(self._record.since(start), count))

    async def _look_at_shape(self, found: Comparison) -> None:
        """What the stream says of itself counts at once; gaps that the copy has too are no difference."""
        unlike = against_shape(await self._runtime.ledger.shape(), self._record.last_seq)
        if unlike is not None and unlike.code == "ledger.lost" and not found.differs:
            found.note(unlike)
            await self._desk.alarm(unlike)
            self._contradicted((unlike,), 1)

    def _progress(self, found: Comparison, end: int) -> None:
        if found.differs:
            self._contradicted(found.told(), len(found.stretches) + found.more)
        self.standing = self.standing.model_copy(
            update={"compared": found.compared, "entries": end, "last_seq": self._record.last_seq}
        )

    def _conclude(self, found: Comparison, end: int) -> None:
        self._progress(found, end)
        now, lasting = self._runtime.clock.now(), self._lasting()
        if lasting is not None and not found.differs:
            self._contradicted((lasting,), 1)
        if found.differs or self._noted or lasting is not None:
            self.standing = self.standing.model_copy(update={"finished_at": now})
            return
        if self.standing.standing == "contradicted":
            self._runtime.log.warning("the ledger is what the copy holds, from first to last", entries=end)
        self.standing = LedgerStanding(
            at=now, standing="sound", compared=end, entries=end, last_seq=self._record.last_seq, finished_at=now
        )

    def _contradicted(self, differences: tuple[Violation, ...], count: int) -> None:
        first = differences[0]
        if self.standing.standing != "contradicted":
            said = {"seq": first.seq, "code": first.code, "error": first.message}
            self._runtime.log.error("THE LEDGER CONTRADICTS ITS COPY", **said)
        self.standing = self.standing.model_copy(
            update={
                "standing": "contradicted",
                "first_seq": first.seq,
                "differences": count,
                "code": first.code,
                "message": first.message,
            }
        )

    def _now(self) -> LedgerStanding:
        return self.standing.model_copy(update={"at": self._runtime.clock.now()})
