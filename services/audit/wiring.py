"""Composition of the audit service: the task that keeps the record open, and the answer to how the ledger stands."""

from __future__ import annotations

from schemas import subjects
from schemas.events.audit import CompareQuery
from services.audit.keeper import Keeper
from services.kernel.runtime.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the keeper."""
    keeper = Keeper(runtime)
    title = "how does the ledger stand?"
    runtime.bus.serve(subjects.DESK_AUDIT_COMPARE, CompareQuery.from_bytes, keeper.on_compare, title=title)
    runtime.supervisor.supervise(keeper.run)
