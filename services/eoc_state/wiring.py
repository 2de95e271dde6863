"""Composition of eoc_state: its desk subject, the broadcast, the barrier."""

from __future__ import annotations

from schemas import streams, subjects
from services.eoc_state.flights import Flights
from services.eoc_state.handlers import EocHandlers
from services.kernel.runtime.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the handlers."""
    flights = Flights(runtime)
    handlers = EocHandlers(runtime, flights)
    runtime.serve(subjects.DESK_EOC_ORDER, title="orders of the EOC")(handlers.on_order)
    runtime.consume(streams.EOC_STATE_CONTROL, title="control events to broadcast")(handlers.on_control)
    runtime.hear(subjects.health("fanout"), title="heartbeats of the workers")(flights.on_health)
    runtime.background(handlers.keep_barrier)
