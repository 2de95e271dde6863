"""Finds people's decisions on unconfirmed posts that no copy of fan-out has carried out.

Whoever has its key can take them out of the durable. What was decided is in the fold all the same, until a receipt
follows on the one that it answers; to carry it out twice does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from schemas import streams
from services.fanout.overlooked import FINISH_SECONDS, DeadEntries, TakenUp
from services.kernel.base.errors import OneVoiceError
from services.kernel.base.tasks import cancel_all
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.runtime.service import LookPace, Runtime

DURABLE = streams.FANOUT_RESOLUTIONS


def not_carried_out(fold: LedgerFold) -> Iterator[int]:
    """Yield the newest decision on each unconfirmed post that nothing follows yet. Pure."""
    for state in fold.requests.values():
        for profile in state.unconfirmed:
            target = state.target(profile)
            if target.resolutions and target.resolutions[-1][0] > target.receipt_last:
                yield target.resolutions[-1][0]


class OverlookedDecisions:
    """Looks at what was decided. ``_due``: when each decision is taken up, by the monotonic clock."""

    def __init__(self, runtime: Runtime, dead: DeadEntries, pace: LookPace) -> None:
        self._pace = pace
        self._runtime, self._dead = runtime, dead
        self._due: dict[int, float] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Look until the service stops."""
        while not self._runtime.supervisor.stopping:
            try:
                await self.look_once()
            except OneVoiceError as error:
                self._runtime.log.debug("decisions could not be looked at", error=error.message)
            await asyncio.sleep(self._pace.look)

    async def finish(self) -> None:
        """Wait for what was taken up, as for handlers."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=FINISH_SECONDS)
            await cancel_all(*late)

    async def look_once(self) -> None:
        """Take up what has waited for a while, and what was taken up here and is to be gone on with."""
        now = self._runtime.clock.monotonic()
        waiting = {*not_carried_out(self._runtime.fold), *(seq for seq, due in self._due.items() if due <= now)}
        self._due = {seq: self._due.get(seq, now + self._pace.decision) for seq in {*waiting, *self._due}}
        due = [seq for seq in sorted(waiting) if self._due[seq] <= now and seq not in self._tasks]
        dead = await self._dead.read() if due else frozenset[int]()
        for seq in due:
            del self._due[seq]
            if seq not in dead and not self._runtime.supervisor.stopping:
                self._tasks[seq] = asyncio.create_task(self._take_up(seq))

    def _again(self, seq: int, delay: float) -> None:
        self._due[seq] = self._runtime.clock.monotonic() + delay

    async def _take_up(self, seq: int) -> None:
        """Give a decision to its handler as if the durable had handed it out."""
        runtime = self._runtime
        try:
            entry, route = await runtime.ledger.get(seq), runtime.around.routes.get(DURABLE.durable)
            if entry is not None and route is not None:
                runtime.log.warning("no copy has carried out a person's decision", seq=seq)
                delivery = _Decision(DURABLE.durable, entry, lambda delay: self._again(seq, delay), self._pace.again)
                await runtime.around.consuming.handle(delivery, lambda: route.handle(entry))
        except OneVoiceError as error:
            runtime.log.warning("not carried out, will try again", seq=seq, code=error.code, error=error.message)
            self._again(seq, self._pace.again)
        finally:
            self._tasks.pop(seq, None)


class _Decision(TakenUp):
    """A decision that is taken up: once it is carried out nothing is left to look at."""

    async def ack(self) -> bool:
        """It is done."""
        return True
