"""Composition of the gatekeeper: what makes it decide, and the sweep over what expires."""

from __future__ import annotations

from schemas import streams
from services.gatekeeper.domain.schedule import Schedule
from services.gatekeeper.handlers import GateHandlers
from services.kernel.runtime.service import Runtime

WORKERS = 64
"""Requests decided at the same time by one copy; compare-and-set keeps their verdicts apart."""


def wire(runtime: Runtime) -> None:
    """Register the handlers."""
    handlers = GateHandlers(runtime, Schedule())
    runtime.consume(streams.GATEKEEPER_REQUESTS, workers=WORKERS)(handlers.on_request)
    runtime.consume(streams.GATEKEEPER_APPROVALS, workers=WORKERS)(handlers.on_approval)
    runtime.consume(streams.GATEKEEPER_CONTROL)(handlers.on_control)
    runtime.background(handlers.sweep)
