"""Composition of the audit service: the durable, and the task that keeps the record open."""

from __future__ import annotations

from services.audit.keeper import Keeper
from services.kernel.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the keeper."""
    runtime.background(Keeper(runtime).run)
