"""Composition of eoc_state: its desk subject, the broadcast, the barrier."""

from __future__ import annotations

from schemas import streams, subjects
from schemas.events.desk import ServiceHealth
from schemas.events.envelope import Envelope
from services.eoc_state.handlers import EocHandlers
from services.kernel.runtime.flights import Flights
from services.kernel.runtime.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the handlers."""
    handlers = EocHandlers(runtime, Flights(runtime), runtime.looks.barrier)
    bus = runtime.bus
    bus.serve(subjects.DESK_EOC_ORDER, Envelope.from_bytes, handlers.on_order, title="orders of the EOC")
    bus.consume(streams.EOC_STATE_CONTROL, bytes, handlers.on_control, title="control events to broadcast")
    workers = subjects.health("fanout")
    bus.subscribe(workers, ServiceHealth.from_bytes, handlers.on_health, title="heartbeats of the workers")
    runtime.supervisor.supervise(handlers.keep_barrier)
    runtime.supervisor.supervise(handlers.keep_telling)
