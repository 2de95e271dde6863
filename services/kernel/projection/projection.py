"""A service's projection: the fold, kept up with the ledger.

The feed brings entries as they are stored; a gap, a start and a reconnection are filled by reading. Once a second the
leader is asked for its newest sequence, so that silence is not taken for rest. Being behind does no harm: every append
carries the condition that makes its decision true. ``at_least`` is the read barrier of who was told a sequence.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from services.kernel.base.clock import Clock
from services.kernel.base.errors import OneVoiceError
from services.kernel.fold.ledger_fold import Applied, LedgerFold
from services.kernel.fold.reopening import reopen
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.entry import Entry
from services.kernel.ledger.integrity.checks import check_remembered
from services.kernel.projection.listeners import Listener, Listeners
from services.kernel.projection.past import past, read_again
from services.kernel.projection.read_barrier import BARRIER_SECONDS, ReadBarrier
from services.kernel.projection.recent import RecentEntries
from services.kernel.projection.request_entries import entries_on
from services.kernel.projection.sharing import Sharing
from services.kernel.projection.signals import Signals
from services.kernel.projection.source import Source

LOOK_SECONDS = 1.0
"""How often the leader is asked for its newest sequence."""

IMPATIENT_SECONDS = 0.05
"""After so long a sequence that was not heard of is read instead."""

BUFFERED = 50_000
"""Entries of the feed that are kept while a gap before them is filled."""

VOIDS_SHOWN = 20


class Projection:
    """Keeps one fold up to date. ``listen`` is told of each entry, right after it was folded.

    ``leader_seq`` is the newest sequence that the leader had when it was asked last, at ``asked_at`` (boot-time
    seconds); it is asked each ``look`` seconds.
    """

    def __init__(
        self, source: Source, fold: LedgerFold, ledger: Ledger, clock: Clock, log: Any, look: float = LOOK_SECONDS
    ) -> None:
        self.fold, self._look = fold, look
        self.signals = Signals()
        self.newest: Entry | None = None
        self.voids: deque[tuple[int, str]] = deque(maxlen=VOIDS_SHOWN)
        self.void_count = 0
        self.source, self._clock, self._log = source, clock, log
        self._listeners = Listeners()
        self._early: dict[int, Entry] = {}
        self._recent = RecentEntries()
        self.barrier = ReadBarrier()
        self._wake = asyncio.Event()
        self._filling = asyncio.Lock()
        self._refreshing = asyncio.Lock()
        self.leader_seq = 0
        self.asked_at = 0.0
        self._check = True
        self._started = asyncio.Event()
        self.sharing = Sharing(ledger)

    def share(self, ledger: Ledger) -> None:
        """Let another service of this process know what this one folds: the fold is a function of the ledger alone."""
        self.sharing.add(ledger)

    async def started(self) -> None:
        """Wait until what stood at the start is folded."""
        await self._started.wait()

    @property
    def seq(self) -> int:
        """The sequence up to which the ledger is folded."""
        return self.fold.seq

    def listen(self, listener: Listener, *kinds: str) -> None:
        """Have a function called with each entry of these kinds (of all, without) that is folded from now on."""
        self._listeners.add(listener, kinds)

    async def start(self) -> None:
        """Hear the feed and fold what is there already; raises Unreachable."""
        await self.source.subscribe(self._on_feed)
        await self.catch_up()
        self._started.set()

    async def run(self) -> None:
        """Keep up until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._look):
                    await self._wake.wait()
            except TimeoutError:
                pass
            try:
                await self.catch_up()
            except OneVoiceError as error:
                self._log.warning("the ledger cannot be followed, again soon", code=error.code, error=error.message)
                await asyncio.sleep(self._look)

    def disconnected(self) -> None:
        """Fold nothing more of the feed until the ledger was compared: what comes next may be another story."""
        self._check = True

    def reconnected(self) -> None:
        """Look at once what was missed while the broker was away, and whether the ledger is still the same."""
        self._check = True
        self._wake.set()

    async def at_least(self, seq: int, seconds: float = BARRIER_SECONDS) -> None:
        """Wait until an entry that is at ``seq`` is folded.

        Raises:
            Unreachable: ``ledger.behind``, the ledger could not be read so far in time, or its leader has not so much.
        """
        if self.fold.seq >= seq:
            return
        timer = asyncio.get_running_loop().call_later(IMPATIENT_SECONDS, self._wake.set)
        try:
            await self.barrier.wait(seq, self._clock.monotonic(), seconds)
        finally:
            timer.cancel()

    async def fresh(self, seconds: float) -> None:
        """Catch up if the leader was not asked for so long: who was stopped meanwhile does not know what it missed.

        Raises:
            Unreachable: the broker does not answer.
        """
        if self._clock.monotonic() - self.asked_at <= seconds:
            return
        async with self._refreshing:
            if self._clock.monotonic() - self.asked_at > seconds:
                await self.catch_up()

    async def catch_up(self) -> int:
        """Fold up to what the leader has now; return its newest sequence.

        Raises:
            Unreachable: the broker does not answer; ``ledger.behind``, all that answers is behind its leader.
        """
        async with self._filling:
            self._wake.clear()
            began = self._clock.monotonic()
            shape = await self.source.shape()
            if shape.last < self.fold.seq:
                await self._compare()
            await self._compare_if_cut_off()
            self.fold.seq = max(self.fold.seq, shape.first - 1)  # what is before the first entry is nowhere
            await self._drain()
            tries = 0
            while self.fold.seq < shape.last:
                await self._compare_if_cut_off()
                before = self.fold.seq
                await self._fill()
                await self._drain()
                behind = f"the ledger could not be read up to {shape.last}"
                tries = 0 if self.fold.seq > before else await read_again(tries, behind)
            self.leader_seq, self.asked_at = shape.last, began
            self.barrier.leader_has(shape.last, began)
            return shape.last

    # --- folding ------------------------------------------------------------------------------------------

    def _on_feed(self, entry: Entry) -> None:
        if entry.seq <= self.fold.seq:
            if self._recent.contradicts(entry):
                self.reconnected()  # it is no proof, but what comes next may be of another story: compare first
            return
        busy = self._check or self._filling.locked()
        if entry.seq == self.fold.seq + 1 and not busy and self.fold.missing(entry) is None:
            self._apply(entry)
            return
        if len(self._early) < BUFFERED:
            self._early[entry.seq] = entry
        if not self._filling.locked():
            self._wake.set()

    async def _fill(self) -> None:
        """Fold what can be read; a replica may not have all of it yet."""
        began_at = self.fold.seq
        async for batch in self.source.entries(self.fold.seq):
            if self._check:  # the connection was lost meanwhile: this may be of another ledger
                return
            for entry in batch:
                if entry.seq > self.fold.seq + 1:
                    await self._close_gap(entry.seq)
                if entry.seq > self.fold.seq:
                    await self._fold_one(entry)
            await self._drain()
            await asyncio.sleep(0)
        if began_at and self.fold.seq > began_at:
            await self._compare()

    async def _close_gap(self, before: int) -> None:
        """Ask the leader for what an answer left out; what the ledger has lost is not there (kernel.runtime.watch)."""
        for seq in range(self.fold.seq + 1, before):
            entry = await self.source.get(seq)
            if entry is not None and seq > self.fold.seq:
                await self._fold_one(entry)

    async def _drain(self) -> None:
        """Fold what the feed brought early, as far as it follows on."""
        while (entry := self._early.pop(self.fold.seq + 1, None)) is not None:
            await self._fold_one(entry)
        for seq in [seq for seq in self._early if seq <= self.fold.seq]:
            del self._early[seq]

    async def _fold_one(self, entry: Entry) -> None:
        request_id = self.fold.missing(entry)
        if request_id is not None:
            found = await entries_on(request_id, self, entry.seq - 1)
            with self.sharing.whole(entry.seq):
                reopen(self.fold, request_id, found, self._clock.monotonic())
        self._apply(entry)

    async def all_of(self, pattern: str) -> list[Entry]:
        """Return all that the leader has on a filter; a replica that is behind is asked again; raises Unreachable."""
        return [entry async for entry in past(self.source, pattern)]

    def _apply(self, entry: Entry) -> None:
        with self.sharing.whole(entry.seq):
            self._take_up(entry)

    def _take_up(self, entry: Entry) -> None:
        applied = self.fold.apply(entry, self._clock.monotonic())
        self.newest = entry
        self._recent.note(entry)
        self.sharing.folded(entry)
        if applied.void:
            self._alarm(entry, applied)
        self._listeners.tell(entry, applied, self._log)
        if applied.keys:
            self.signals.ring(applied.keys)
        self.barrier.folded(entry.seq)

    def _alarm(self, entry: Entry, applied: Applied) -> None:
        if applied.lost_race:
            self._log.debug("too late to count", seq=entry.seq, subject=entry.subject, reason=applied.void)
            return
        self.void_count += 1
        self.voids.append((entry.seq, applied.void))
        self._log.error("ALARM: a void entry", seq=entry.seq, subject=entry.subject, reason=applied.void)

    async def _compare_if_cut_off(self) -> None:
        if self._check:
            await self._compare()
            self._check = False

    async def _compare(self) -> None:
        """Compare the newest folded entry with the leader's: a check_ack or changed ledger must not pass for rest.

        Raises:
            IntegrityFault: it is another one, or none.
        """
        known = self.newest
        if known is None:
            return
        found = await self.source.get(known.seq)
        fault = check_remembered(
            f"this service has folded entry {known.seq}",
            same=found is not None and (found.data, found.subject, found.at) == (known.data, known.subject, known.at),
            missing=found is None,
        )
        if fault is None:
            return
        self._check = True
        self.sharing.hold_back(fault)
        raise fault
