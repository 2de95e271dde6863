"""Handlers of eoc_state: orders of the EOC, the barrier of activation, the broadcast."""

from __future__ import annotations

import asyncio
from datetime import datetime

from schemas import subjects
from schemas.events.broadcasts import EocBroadcast, LatePost
from schemas.events.control import Order, Posture, Withdraw
from schemas.events.desk import OrderReply, ServiceHealth
from schemas.events.envelope import Envelope
from services.eoc_state.domain.activation import Barrier, barrier, eoc_active
from services.eoc_state.domain.wakefulness import Wakefulness
from services.eoc_state.domain.withdrawal import check_withdrawal
from services.kernel.authority.orders import carry_out
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.errors import Unreachable
from services.kernel.control.control_state import ControlFault, ControlState
from services.kernel.fold.reading import read_request
from services.kernel.fold.taken_over import late_posts, still_unknown
from services.kernel.ledger.client import Conflict
from services.kernel.projection.server_time import ServerTime
from services.kernel.runtime.flights import Flights
from services.kernel.runtime.messages.dependencies import EntryOf, Sender
from services.kernel.runtime.service import LookPace, Runtime

ACTIONS = frozenset(
    {"eoc_activate", "eoc_change", "eoc_stand_down", "crisis_declare", "crisis_end", "hold", "withdraw"}
)
BARRIER_LOOK_SECONDS = 0.2
TELL_SECONDS = 1.0


class EocHandlers:
    """Carries out the EOC's orders and completes activations. ``flights``: the posts that may still land.

    It looks at the posture each ``look`` seconds where nothing tells of a change.
    """

    def __init__(self, runtime: Runtime, flights: Flights, look: float = LookPace.barrier) -> None:
        self._look = look
        self.runtime = runtime
        self.flights = flights
        self.workers = Wakefulness()
        self._server_time = ServerTime(runtime.clock)
        self._told: tuple[LatePost, ...] = ()

    async def on_order(self, order: Envelope, sender: Sender) -> OrderReply:
        """Activate, change, stand down, declare, end, hold or withdraw; answer with the new control revision."""
        done = await carry_out(self.runtime, order, sender, ACTIONS, self._check_withdrawal)
        said, action, state = done.said, done.order.action.action, done.state
        self.runtime.log.info(said, action=action, by=sender, control_seq=state.seq)
        await self.runtime.projection.at_least(state.seq)
        return OrderReply(
            changed=done.changed, control_seq=state.seq, posture=state.posture, in_flight=self.flights.in_flight(state)
        )

    async def on_health(self, event: ServiceHealth) -> None:
        """Take a worker's heartbeat in."""
        self.workers.on_heartbeat(event.instance, self.runtime.clock.monotonic())

    async def on_control(self, event: bytes, entry: EntryOf) -> None:
        """Broadcast the posture after each entry of control, whoever appended it, and whatever it is."""
        await self.runtime.projection.at_least(entry.seq)
        self.runtime.log.debug("control", seq=entry.seq)
        await self.broadcast(self.runtime.control)

    async def broadcast(self, state: ControlState) -> None:
        """Broadcast the posture to services and to people who watch."""
        await self.runtime.bus.publish(
            subjects.EOC_STATE,
            EocBroadcast(
                at=self.runtime.clock.now(),
                posture=state.posture,
                level=state.level,
                incident=state.incident,
                control_seq=state.seq,
                hold=state.hold,
                in_flight=self.flights.in_flight(state),
                unknown=still_unknown(self.runtime.fold.taken_over, state.unknown),
                late_posts=self._late_posts(state),
            ),
        )
        await self.runtime.health.publish()

    def _late_posts(self, state: ControlState) -> tuple[LatePost, ...]:
        fold, now = self.runtime.fold, self._server_time.least(self.runtime.projection.newest)
        return late_posts(fold.taken_over, state.unknown, fold.chain.replaced, now)

    async def keep_telling(self) -> None:
        """Broadcast when a post has turned out to be public that was taken back, or was unknown; without end.

        What could not be told is told when this is begun again.
        """
        while True:
            await asyncio.sleep(TELL_SECONDS)
            found = self._late_posts(self.runtime.control)
            if found != self._told:
                await self.broadcast(self.runtime.control)
                self._told = found

    async def keep_barrier(self) -> None:
        """Complete each activation once nothing older is in flight, also one that a crash left open; without end."""
        while True:
            state = self.runtime.control
            if state.posture is Posture.EOC_ACTIVATING:
                await self._complete(state)
            else:
                await self.runtime.projection.signals.wait(("control",), self._look)

    async def _complete(self, began: ControlState) -> None:
        """Wait until the barrier is passed, and append ``eoc_active``; return at once if control has moved on."""
        runtime, seen, newest = self.runtime, set[int](), False
        while True:
            state = runtime.control
            if state.activating_seq != began.activating_seq:
                return  # stood down, or activated again: keep_barrier looks again
            found = self._barrier(state.activating_seq)
            seen |= {flight.seq for flight in found.waiting}
            if found.passed and (newest or not found.unknown):
                break
            if found.passed:
                newest = await self._caught_up()
                continue
            await self.broadcast(state)
            await runtime.projection.signals.wait(("control",), BARRIER_LOOK_SECONDS)
        await self._append_active(state, found, seen)

    async def _caught_up(self) -> bool:
        """Fold what this process may have missed while it was cut off: it may answer what looks unknown from here."""
        try:
            await self.runtime.catch_up()
        except Unreachable:
            await asyncio.sleep(BARRIER_LOOK_SECONDS)
            return False
        return True

    async def _append_active(self, state: ControlState, found: Barrier, seen: set[int]) -> None:
        """Append ``eoc_active`` behind the control state; a control change in between leaves it to the next look."""
        runtime = self.runtime
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
        runtime = self.runtime
        flights = self.flights.before(activating_seq)
        return barrier(flights, self.workers.awake_until, runtime.clock.monotonic(), runtime.lease_seconds)

    async def _check_withdrawal(self, state: ControlState, order: Order, now: datetime) -> None:
        if isinstance(order.action, Withdraw):
            author = await self._author_of(order.action.request_id)
            check_withdrawal(order, author, state, now)

    async def _author_of(self, request_id: str) -> str:
        """Return who wrote a request; one that is over is read from the ledger; raises BadInput where it cannot be."""
        known = self.runtime.fold.requests.get(request_id)
        if known is not None:
            return known.request.author
        entry = await self.runtime.ledger.last(subjects.request(request_id))
        if entry is None:
            raise ControlFault("request.unknown", f"there is no request {request_id}")
        return read_request(entry).author
