"""Handlers of eoc_state: orders of the EOC, the barrier of activation, the broadcast."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from schemas import canonical, subjects
from schemas.events.authority import Role
from schemas.events.control import EocActive, Order, Posture, Withdraw
from schemas.events.desk import EocBroadcast, OrderReply
from schemas.events.envelope import Envelope
from schemas.events.requests import Request
from services.eoc_state.activation import advance
from services.kernel.control import ControlFault, ControlState
from services.kernel.crashpoints import crash_point
from services.kernel.errors import Unreachable
from services.kernel.flight import Flight
from services.kernel.in_flight import in_flight
from services.kernel.ledger import Conflict
from services.kernel.orders import carry_out
from services.kernel.service import EntryOf, Runtime, Sender

ACTIONS = frozenset({"eoc_activate", "eoc_stand_down", "crisis_declare", "crisis_end", "hold", "withdraw"})
MAY_WITHDRAW_ANY = frozenset({Role.CAO, Role.MCPE, Role.PIO, Role.EOC_DIRECTOR, Role.COMMS_OFFICE})
BARRIER_LOOK_SECONDS = 0.2
IDLE_LOOK_SECONDS = 1.0


class Handlers:
    """What eoc_state answers and does."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._woken = asyncio.Event()

    async def on_order(self, order: Envelope, sender: Sender) -> OrderReply:
        """Activate, stand down, declare, end, hold or withdraw; answer with the new control revision."""
        state, signed = await carry_out(self.runtime, order, sender, ACTIONS, self._check_withdrawal)
        self._woken.set()
        self.runtime.log.info("control changed", action=signed.action.action, by=sender, control_seq=state.seq)
        flights = await self._flights(before=state.seq)
        return OrderReply(control_seq=state.seq, posture=state.posture, in_flight=len(flights))

    async def on_control(self, event: dict[str, object], entry: EntryOf) -> None:
        """Broadcast the posture after each control event, whoever appended it."""
        state = await self.runtime.control.refresh()
        self.runtime.log.debug("control", kind=event.get("type"), seq=entry.seq)
        self._woken.set()
        await self.broadcast(state)

    async def broadcast(self, state: ControlState, waiting: int | None = None) -> None:
        """Tell services and watching people the posture."""
        now = self.runtime.clock.now()
        if waiting is None:
            waiting = len(await self._flights())
        await self.runtime.broadcast(
            subjects.EOC_STATE,
            EocBroadcast(
                at=now,
                posture=state.posture,
                level=state.level,
                incident=state.incident,
                control_seq=state.seq,
                hold=state.hold,
                in_flight=waiting,
            ),
        )
        await self.runtime.heartbeat()

    async def _flights(self, before: int | None = None) -> tuple[Flight, ...]:
        runtime = self.runtime
        return await in_flight(runtime.ledger, runtime.clock.now(), before=before, lease=runtime.lease_seconds)

    async def keep_barrier(self) -> None:
        """Complete each activation once nothing older is in flight; also one that a crash left open."""
        while True:
            state = await self.runtime.control.refresh()
            if state.posture is Posture.EOC_ACTIVATING:
                await self._complete(state)
                continue
            self._woken.clear()
            try:
                await asyncio.wait_for(self._woken.wait(), IDLE_LOOK_SECONDS)
            except TimeoutError:
                continue

    async def _complete(self, began: ControlState) -> None:
        runtime = self.runtime
        now = await self._broker_clock(began.activating_seq)
        seen: dict[int, Flight] = {}
        while True:
            flights = await in_flight(runtime.ledger, now(), before=began.activating_seq, lease=runtime.lease_seconds)
            seen.update({flight.seq: flight for flight in flights})
            barrier = advance(seen, flights, await self._without_receipt(seen, flights))
            state = await runtime.control.refresh()
            if state.activating_seq != began.activating_seq:
                return  # stood down, or activated anew: keep_barrier looks again
            if barrier.passed:
                break
            await self.broadcast(state, len(flights))
            await asyncio.sleep(BARRIER_LOOK_SECONDS)
        event = EocActive(
            at=runtime.clock.now(),
            activating_seq=state.activating_seq,
            settled=barrier.settled,
            lapsed=barrier.lapsed,
        )
        crash_point("eoc_state.barrier.passed")
        try:
            appended = await runtime.ledger.append(subjects.CONTROL, event, expect_last=state.seq)
        except Conflict:
            return  # control moved on; keep_barrier looks again
        crash_point("eoc_state.active.stored")
        runtime.log.info("the EOC is active", control_seq=appended.seq, settled=barrier.settled, lapsed=barrier.lapsed)

    async def _broker_clock(self, activating_seq: int) -> Callable[[], datetime]:
        """Return the broker's time, never ahead of it: it stored the activation no later than we see it.

        Leases are counted on the clock that dated the attempts, lest a clock of ours that is ahead ends them early.
        """
        entry = await self.runtime.ledger.get(activating_seq)
        if entry is None:
            raise Unreachable("ledger.read", f"the activation at {activating_seq} cannot be read", "onevoice doctor")
        clock, stored = self.runtime.clock, entry.at
        seen_at = clock.monotonic()
        return lambda: stored + timedelta(seconds=clock.monotonic() - seen_at)

    async def _without_receipt(self, seen: dict[int, Flight], flights: tuple[Flight, ...]) -> frozenset[int]:
        missing: set[int] = set()
        for seq, flight in seen.items():
            receipt = await self.runtime.ledger.last(subjects.receipt(flight.profile, flight.request_id))
            if flight not in flights and (receipt is None or int(canonical.loads(receipt.data)["attempt_seq"]) < seq):
                missing.add(seq)
        return frozenset(missing)

    async def _check_withdrawal(self, state: ControlState, order: Order) -> None:
        """A request is withdrawn by its author, or by an officer with an approving role."""
        if not isinstance(order.action, Withdraw):
            return
        entry = await self.runtime.ledger.last(subjects.request(order.action.request_id))
        if entry is None:
            raise ControlFault("request.unknown", f"there is no request {order.action.request_id}")
        author = Request.from_bytes(entry.data).author
        roles = state.roles_of(order.officer, self.runtime.clock.now())
        if author != order.officer and not roles & MAY_WITHDRAW_ANY:
            raise ControlFault(
                "order.role",
                f"{order.action.request_id} can be withdrawn by {author}, or by {', '.join(sorted(MAY_WITHDRAW_ANY))}",
            )
