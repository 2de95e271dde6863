"""Copies the ledger: takes batches, puts them on disk, raises the alarm when the ledger changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from schemas import subjects
from schemas.events.audit import Seal
from schemas.events.envelope import Envelope
from services.audit.copy_plan import SealRule, plan
from services.audit.media_archive import MediaArchive, picture_lost
from services.audit.open_record import OpenRecord
from services.audit.proof.compare import Comparison, difference, hole, late, lost_end
from services.audit.record.format import LedgerEntry
from services.audit.record.violation import Violation
from services.audit.record.writer import Damaged
from services.kernel.base.crashpoints import crash_point
from services.kernel.ledger.client import Entry
from services.kernel.ledger.entry import AT_HEADER
from services.kernel.runtime.service import Runtime

CHUNK = 512
"""Entries that are written under one fsync at most; what a long gap is filled by."""


class LedgerCopier:
    """Copies the ledger into one open record.

    When a method raises OSError or Damaged, the record must be opened again. ``joined``: the ledger has the copy's last
    entry as the copy has it. While it has not, nothing is copied: what follows on another entry is another history.
    ``on_difference`` is called with each difference that is seen while copying.
    """

    def __init__(
        self,
        runtime: Runtime,
        record: OpenRecord,
        archive: MediaArchive,
        rule: SealRule,
        on_difference: Callable[[Violation], None],
    ) -> None:
        self._runtime, self._record, self._archive, self._rule = runtime, record, archive, rule
        self._on_difference = on_difference
        self.joined = True
        self._unsealed, self._since = 0, runtime.clock.monotonic()
        self._newest: Envelope | None = None

    async def restored(self) -> int:
        """Return up to which sequence entries were put back; raises Unreachable."""
        return await self._runtime.ledger.restored()

    async def check_opening(self) -> None:
        """Compare the end of the copy with the ledger, and sign what a crash left without a checkpoint.

        Raises:
            Damaged: an entry that was never signed is not what the ledger has; nobody vouches for it.
        """
        writer, ledger = self._record.writer, self._runtime.ledger
        last = (await ledger.shape()).last
        if last < writer.last_seq:
            self.joined = False
            await self._differs(lost_end(last, writer.last_seq))
        # At least the last entry, signed or not: the copy goes on from it.
        start = min(writer.sealed_size, max(0, writer.size - 1))
        tail = await self._record.on_disk(lambda: list(writer.since(start)))
        sealed_seq = tail[0].seq if writer.sealed_size == writer.size and tail else 0
        for copy in tail:
            live = await ledger.get(copy.seq)
            unlike = difference(copy, live)
            if unlike and live and copy.seq != sealed_seq:
                raise Damaged("record.unsealed_differs", unlike.message, "compare by hand; nothing was changed here")
            if unlike:
                self.joined = self.joined and copy.seq != writer.last_seq
                await self._differs(unlike, live)
        if writer.sealed_size < writer.size:
            self._newest = await self._record.on_disk(lambda: writer.seal(self._runtime.clock.now()))
        self._unsealed = 1 if writer.size else 0

    async def catch_up(self) -> None:
        """Copy what the ledger has by now straight from it.

        The durable may have handed it to a process that is gone, and would offer it again only later; what a lost copy
        had it does not offer at all.
        """
        newest = (await self._runtime.ledger.shape()).last
        if newest > self._record.writer.last_seq and self.joined:
            async for chunk in self._with_gaps_filled((), newest):
                await self._append(chunk)

    async def on_entries(self, entries: Sequence[Entry]) -> int:
        """Copy a batch; what is on disk when this returns, under a signed checkpoint, may be acknowledged.

        Returns:
            The newest sequence that may be acknowledged.
        """
        work = plan(self._record.writer.last_seq, entries)
        if work.known:
            await self._compare(work.known)
        if work.new and not self.joined:
            await self._look_at_join()
        if self.joined:
            async for chunk in self._with_gaps_filled(work.new):
                await self._append(chunk)
        return self._record.writer.last_seq

    async def _look_at_join(self) -> None:
        """Look whether the ledger has the copy's last entry as the copy has it."""
        last = self._record.writer.last
        self.joined = last is None or difference(last, await self._runtime.ledger.get(last.seq)) is None

    async def seal_if_due(self) -> None:
        """Append the newest checkpoint to the ledger, if the rule says so."""
        if not self.joined or not self._rule.due(self._unsealed, self._runtime.clock.monotonic() - self._since):
            return
        now = self._runtime.clock.now()
        envelope = self._newest or await self._record.on_disk(lambda: self._record.writer.seal(now))
        await self._runtime.ledger.append(subjects.SEAL, Seal(at=now, checkpoint=envelope))
        crash_point("audit.seal.stored")
        self._unsealed = 0

    async def _append(self, chunk: Sequence[Entry]) -> None:
        """Put entries on disk, with the pictures that they name, under a signed checkpoint."""
        writer, now = self._record.writer, self._runtime.clock.now()

        def write() -> Envelope:
            writer.append(chunk)
            crash_point("audit.entries.written")
            return writer.seal(now)

        # Pictures first: a request counts as copied only when a restored city could show it.
        for seq, sha256 in await self._archive.keep(chunk):
            await self._record.alarm(picture_lost(seq, sha256))
        await self._report_backdated(chunk)
        self._newest = await self._record.on_disk(write)
        crash_point("audit.checkpoint.written")
        counting = sum(entry.subject != subjects.SEAL for entry in chunk)
        if counting and not self._unsealed:
            self._since = self._runtime.clock.monotonic()
        self._unsealed += counting

    async def _with_gaps_filled(self, new: Sequence[Entry], newest: int = 0) -> AsyncIterator[Sequence[Entry]]:
        """Yield chunks without gaps up to the newest, reading from the ledger what the batch does not have."""
        at_hand = {entry.seq: entry for entry in new}
        first, end = self._record.writer.last_seq + 1, max([newest, *at_hand], default=0) + 1
        for start in range(first, end, CHUNK):
            seqs = range(start, min(start + CHUNK, end))
            asked = [seq for seq in seqs if seq not in at_hand]
            at_hand |= {entry.seq: entry for entry in await self._runtime.ledger.get_many(asked) if entry}
            await self._report_holes([seq for seq in asked if seq not in at_hand])
            yield [at_hand.pop(seq) for seq in seqs if seq in at_hand]  # a long gap is not kept in memory

    async def _report_holes(self, missing: Sequence[int]) -> None:
        """Raise an alarm for each stretch of entries that neither ledger nor copy has."""
        holes = Comparison()
        for seq in missing:
            holes.note(hole(seq))
        for one in holes.differences():
            await self._differs(one)

    async def _report_backdated(self, chunk: Sequence[Entry]) -> None:
        """Only what the copy holds is ever put back with an older time: on a new entry that is an alarm."""
        older = [entry.seq for entry in chunk if AT_HEADER in entry.headers]
        if older:
            what = f"{len(older)} entries carry the time of a restore, and the copy did not have them."
            await self._record.alarm(Violation(older[0], "ledger.backdated", what))

    async def _compare(self, known: Sequence[Entry]) -> None:
        """Compare entries that came again with the copy: another body under a known sequence is an alarm."""
        copies = await self._record.on_disk(lambda: self._record.writer.find({entry.seq for entry in known}))
        for entry in known:
            copy = copies.get(entry.seq)
            unlike = difference(copy, entry) if copy else late(entry.seq)
            if unlike:
                await self._differs(unlike, entry)
                await self._look_at_join()

    async def _differs(self, what: Violation, live: LedgerEntry | None = None) -> None:
        """Raise an alarm about what the ledger shows, and have everything compared."""
        await self._record.alarm(what, live)
        self._on_difference(what)
