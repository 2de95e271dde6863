"""Finds people's decisions on unconfirmed posts that no copy of fan-out has carried out (services.fanout.overlooked).

What was decided is in the fold, until a receipt follows on the one that it answers; to carry it out twice does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas import streams
from schemas.events.resolutions import ResolutionStatement
from services.fanout.overlooked import OverlookedWork
from services.kernel.authority.statements import statement_on_record
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.runtime.service import LookPace, Runtime


def not_carried_out(fold: LedgerFold) -> Iterator[int]:
    """Yield each decision on the unconfirmed receipt that stands, if nothing follows it yet. Pure.

    Each, and not the newest alone: whoever has fan-out's key can append an old genuine one behind it.
    """
    for state in fold.requests.values():
        for profile in state.unconfirmed:
            target = state.target(profile)
            for seq, decision in target.resolutions:
                if seq <= target.receipt_last:
                    continue
                said = statement_on_record(decision.envelope, ResolutionStatement)
                if said is not None and said.receipt_seq == target.receipt_seq:
                    yield seq


class OverlookedDecisions(OverlookedWork):
    """Looks at what was decided. ``_going_on``: what was taken up here and is to be gone on with, as its post waits."""

    def __init__(self, runtime: Runtime, pace: LookPace) -> None:
        super().__init__(runtime, streams.FANOUT_RESOLUTIONS, pace)
        self._going_on: set[int] = set()

    async def look_once(self) -> None:
        """Take up what has waited for a while, and what is to be gone on with."""
        now = self._runtime.clock.monotonic()
        waiting = {*not_carried_out(self._runtime.fold), *self._going_on}
        self._due = {seq: self._due.get(seq, now + self._pace.decision) for seq in waiting}
        due = [seq for seq in sorted(waiting) if self._due[seq] <= now and seq not in self._tasks]
        dead = await self._dead.read() if due else frozenset[int]()
        for seq in due:
            self._going_on.discard(seq)
            if seq in dead:
                self._again(seq, self._pace.again)
            elif not self._runtime.supervisor.stopping:
                self._runtime.log.warning("no copy has carried out a person's decision", seq=seq)
                self._begin(seq)

    def _later(self, seq: int, delay: float) -> None:
        self._going_on.add(seq)
        super()._later(seq, delay)
