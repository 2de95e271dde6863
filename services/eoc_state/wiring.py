"""Composition of eoc_state: its desk subject, the broadcast, the barrier."""

from __future__ import annotations

from schemas import streams, subjects
from schemas.events.desk import ServiceHealth
from schemas.events.envelope import Envelope
from services.eoc_state.activations import Activations
from services.eoc_state.broadcast import PostureBroadcast
from services.eoc_state.domain.wakefulness import Wakefulness
from services.eoc_state.handlers import EocHandlers
from services.kernel.runtime.flights import Flights
from services.kernel.runtime.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the handlers."""
    flights, workers = Flights(runtime), Wakefulness()
    broadcast = PostureBroadcast(runtime, flights)
    activations = Activations(runtime, flights, workers, broadcast, runtime.looks.barrier)
    handlers = EocHandlers(runtime, flights, workers, broadcast)
    bus = runtime.bus
    bus.serve(subjects.DESK_EOC_ORDER, Envelope.from_bytes, handlers.on_order, title="orders of the EOC")
    bus.consume(streams.EOC_STATE_CONTROL, bytes, handlers.on_control, title="control events to broadcast")
    beats = subjects.health("fanout")
    bus.subscribe(beats, ServiceHealth.from_bytes, handlers.on_health, title="heartbeats of the workers")
    runtime.supervisor.supervise(activations.run)
    runtime.supervisor.supervise(broadcast.keep_late_posts_told)
