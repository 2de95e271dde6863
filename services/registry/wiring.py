"""Composition of the registry: its two desk subjects, and the beginning of the ledger."""

from __future__ import annotations

from schemas import subjects
from schemas.events.envelope import Envelope
from services.kernel.runtime.service import Runtime
from services.registry.handlers import RegistryHandlers, begin_ledger


def wire(runtime: Runtime) -> None:
    """Register the handlers."""
    handlers = RegistryHandlers(runtime)
    title = "orders about officers and profiles"
    runtime.bus.serve(subjects.DESK_REGISTRY_ORDER, Envelope.from_bytes, handlers.on_order, title=title)
    runtime.bus.serve(subjects.DESK_WEB_ENROLL, Envelope.from_bytes, handlers.on_enrolment, title="enrolments")


async def genesis(runtime: Runtime) -> None:
    """Begin the ledger with the authority manifest."""
    await begin_ledger(runtime)
