"""Composition of eoc_state: its desk subject, the broadcast, the barrier."""

from __future__ import annotations

from schemas import streams, subjects
from services.eoc_state.handlers import EocHandlers
from services.kernel.runtime.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the handlers."""
    handlers = EocHandlers(runtime)
    runtime.serve(subjects.DESK_EOC_ORDER, title="orders of the EOC")(handlers.on_order)
    runtime.consume(streams.EOC_STATE_CONTROL, title="control events to broadcast")(handlers.on_control)
    runtime.hear(subjects.health("fanout"), title="who posts, and lives")(handlers.flights.on_health)
    runtime.background(handlers.keep_barrier)
