"""Handlers of eoc_state: orders of the EOC, heartbeats of the workers, changes of control to broadcast."""

from __future__ import annotations

from datetime import datetime

from schemas import subjects
from schemas.events.control import Order, Withdraw
from schemas.events.desk import OrderReply, ServiceHealth
from schemas.events.envelope import Envelope
from services.eoc_state.broadcast import PostureBroadcast
from services.eoc_state.domain.wakefulness import Wakefulness
from services.eoc_state.domain.withdrawal import check_withdrawal
from services.kernel.authority.orders import carry_out
from services.kernel.control.control_state import ControlFault, ControlState
from services.kernel.fold.reading import read_request
from services.kernel.runtime.flights import Flights
from services.kernel.runtime.messages.dependencies import EntryOf, Sender
from services.kernel.runtime.service import Runtime

ACTIONS = frozenset(
    {"eoc_activate", "eoc_change", "eoc_stand_down", "crisis_declare", "crisis_end", "hold", "withdraw"}
)


class EocHandlers:
    """Carries out the EOC's orders, and has each change of control broadcast."""

    def __init__(self, runtime: Runtime, flights: Flights, workers: Wakefulness, broadcast: PostureBroadcast) -> None:
        self._runtime = runtime
        self._flights = flights
        self._workers = workers
        self._broadcast = broadcast

    async def on_order(self, order: Envelope, sender: Sender) -> OrderReply:
        """Activate, change, stand down, declare, end, hold or withdraw; answer with the new control revision."""
        done = await carry_out(self._runtime, order, sender, ACTIONS, self._check_withdrawal)
        said, action, state = done.said, done.order.action.action, done.state
        self._runtime.log.info(said, action=action, by=sender, control_seq=state.seq)
        await self._runtime.projection.at_least(state.seq)
        return OrderReply(
            changed=done.changed, control_seq=state.seq, posture=state.posture, in_flight=self._flights.in_flight(state)
        )

    async def on_health(self, event: ServiceHealth) -> None:
        """Take a worker's heartbeat in."""
        self._workers.on_heartbeat(event.instance, self._runtime.clock.monotonic())

    async def on_control(self, event: bytes, entry: EntryOf) -> None:
        """Broadcast the posture after each entry of control, whoever appended it, and whatever it is."""
        await self._runtime.projection.at_least(entry.seq)
        self._runtime.log.debug("control", seq=entry.seq)
        await self._broadcast.publish(self._runtime.control)

    async def _check_withdrawal(self, state: ControlState, order: Order, now: datetime) -> None:
        if isinstance(order.action, Withdraw):
            author = await self._author_of(order.action.request_id)
            check_withdrawal(order, author, state, now)

    async def _author_of(self, request_id: str) -> str:
        """Return who wrote a request; one that is over is read from the ledger; raises BadInput where it cannot be."""
        known = self._runtime.fold.requests.get(request_id)
        if known is not None:
            return known.request.author
        entry = await self._runtime.ledger.last(subjects.request(request_id))
        if entry is None:
            raise ControlFault("request.unknown", f"there is no request {request_id}")
        return read_request(entry).author
