"""Composition of the gatekeeper: what makes it decide, the sweep, the second look."""

from __future__ import annotations

from schemas import streams
from schemas.events.approvals import Approval
from schemas.events.requests import Request
from services.gatekeeper.domain.schedule import Schedule
from services.gatekeeper.handlers import GateHandlers
from services.gatekeeper.overlooked import OverlookedRequests
from services.gatekeeper.second_look import SecondLook
from services.kernel.runtime.service import Runtime

WORKERS = 64
"""Requests decided at the same time by one copy; compare-and-set keeps their verdicts apart."""


def wire(runtime: Runtime) -> None:
    """Register the handlers."""
    second_look = SecondLook(runtime)
    looks = runtime.looks
    overlooked = OverlookedRequests(runtime, looks.request)
    handlers = GateHandlers(runtime, Schedule(), second_look, overlooked, looks.sweep)
    bus = runtime.bus
    bus.consume(streams.GATEKEEPER_REQUESTS, Request.from_bytes, handlers.on_request, workers=WORKERS)
    bus.consume(streams.GATEKEEPER_APPROVALS, Approval.from_bytes, handlers.on_approval, workers=WORKERS)
    # Any bytes: junk is a control revision too, after which what was cleared has to be decided again.
    bus.consume(streams.GATEKEEPER_CONTROL, bytes, handlers.on_control)
    runtime.supervisor.supervise(handlers.sweep)
    runtime.supervisor.supervise(second_look.run)
