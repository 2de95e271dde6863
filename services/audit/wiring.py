"""Composition of the audit service: the task that keeps the copy, and the answer to whether the ledger is sound."""

from __future__ import annotations

from schemas import subjects
from schemas.events.audit import CompareQuery
from services.audit.copy_service import CopyService
from services.audit.handlers import AuditHandlers
from services.audit.store_watch import StoreWatch
from services.kernel.runtime.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the service's task and its handler. What belongs to one open record is built when it is opened."""
    service = CopyService(runtime)
    handlers = AuditHandlers(runtime, service)
    watch = StoreWatch(runtime)
    runtime.health.measures += [service.measures, watch.measures]
    title = "how does the ledger stand?"
    runtime.bus.serve(subjects.DESK_AUDIT_COMPARE, CompareQuery.from_bytes, handlers.on_compare, title=title)
    runtime.supervisor.supervise(service.run)
    runtime.supervisor.supervise(watch.run)
