"""Completes activations: waits at the barrier until nothing older than one is in flight, and appends ``eoc_active``."""

from __future__ import annotations

import asyncio

from schemas import subjects
from schemas.events.control import Posture
from services.eoc_state.broadcast import PostureBroadcast
from services.eoc_state.domain.activation import Barrier, barrier, eoc_active
from services.eoc_state.domain.wakefulness import Wakefulness
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.errors import Unreachable
from services.kernel.control.control_state import ControlState
from services.kernel.ledger.client import Conflict
from services.kernel.runtime.flights import Flights
from services.kernel.runtime.service import Runtime

BARRIER_LOOK_SECONDS = 0.2


class Activations:
    """Completes each activation, as long as ``run`` runs.

    ``flights``: the posts that may still land; ``workers``: until when each worker was awake. It looks at the posture
    each ``look`` seconds where nothing tells of a change.
    """

    def __init__(
        self, runtime: Runtime, flights: Flights, workers: Wakefulness, broadcast: PostureBroadcast, look: float
    ) -> None:
        self._runtime = runtime
        self._flights = flights
        self._workers = workers
        self._broadcast = broadcast
        self._look = look

    async def run(self) -> None:
        """Complete each activation once nothing older is in flight, also one that a crash left open; without end."""
        while True:
            state = self._runtime.control
            if state.posture is Posture.EOC_ACTIVATING:
                await self.complete(state)
            else:
                await self._runtime.projection.signals.wait(("control",), self._look)

    async def complete(self, began: ControlState) -> None:
        """Wait until the barrier is passed, and append ``eoc_active``; return at once if control has moved on."""
        runtime, seen, newest = self._runtime, set[int](), False
        while True:
            state = runtime.control
            if state.activating_seq != began.activating_seq:
                return  # stood down, or activated again: ``run`` looks again
            found = self._barrier(state.activating_seq)
            seen |= {flight.seq for flight in found.waiting}
            if found.passed and (newest or not found.unknown):
                break
            if found.passed:
                newest = await self._caught_up()
                continue
            await self._broadcast.publish(state)
            await runtime.projection.signals.wait(("control",), BARRIER_LOOK_SECONDS)
        await self._append_active(state, found, seen)

    async def _caught_up(self) -> bool:
        """Fold what this process may have missed while it was cut off: it may answer what looks unknown from here."""
        try:
            await self._runtime.catch_up()
        except Unreachable:
            await asyncio.sleep(BARRIER_LOOK_SECONDS)
            return False
        return True

    async def _append_active(self, state: ControlState, found: Barrier, seen: set[int]) -> None:
        """Append ``eoc_active`` behind the control state; a control change in between leaves it to the next look."""
        runtime = self._runtime
        event = eoc_active(found, seen, state.activating_seq, runtime.clock.now())
        crash_point("eoc_state.barrier.passed")
        try:
            appended = await runtime.ledger.append(subjects.CONTROL, event, expect_last=state.seq)
        except Conflict:
            await runtime.catch_up()
            return
        crash_point("eoc_state.active.stored")
        await runtime.projection.at_least(appended.seq)
        runtime.log.info(
            "the EOC is active",
            control_seq=appended.seq,
            lapsed=found.lapsed,
            unknown=[f"{one.request_id} on {one.profile}" for one in found.unknown],
        )

    def _barrier(self, activating_seq: int) -> Barrier:
        runtime, flights = self._runtime, self._flights.before(activating_seq)
        return barrier(flights, self._workers.awake_until, runtime.clock.monotonic(), runtime.lease_seconds)
