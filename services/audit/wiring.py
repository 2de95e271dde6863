"""Composition of the audit service: the task that keeps the record open, and the answer to how the ledger stands."""

from __future__ import annotations

from schemas import subjects
from services.audit.copy_service import CopyService
from services.kernel.runtime.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the keeper."""
    keeper = CopyService(runtime)
    runtime.serve(subjects.DESK_AUDIT_COMPARE, title="how does the ledger stand?")(keeper.on_compare)
    runtime.background(keeper.run)
