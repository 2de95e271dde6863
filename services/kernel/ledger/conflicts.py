"""When others append to the ledger at the same time: what was judged is judged anew, so often and no more."""

from __future__ import annotations

from services.kernel.base.errors import Unreachable

CONFLICT_TRIES = 20
"""How often something is judged and appended before its service says that the ledger is busy."""


def ledger_busy() -> Unreachable:
    """Return what an officer or a system is told then; whoever repeats it finds what may have been stored."""
    return Unreachable("ledger.busy", "the ledger changes too fast to add to it", "try again; it is safe")


def control_busy() -> Unreachable:
    """Return what is told of an order, or of what a service says on control by itself."""
    return Unreachable("control.busy", "control changes too fast to add to it", "try again")
