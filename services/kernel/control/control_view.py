"""Control alone, read from the leader on demand: for who needs nothing else of the ledger."""

from __future__ import annotations

import asyncio

from schemas import subjects
from services.kernel.base.city import City
from services.kernel.base.clock import monotonic
from services.kernel.control.control_state import ControlState
from services.kernel.fold.ledger_fold import Authority, LedgerFold
from services.kernel.ledger.client import Ledger


def authority_of(city: City) -> Authority:
    """Return the pinned keys of a city's realm, as a fold needs them."""
    pinned = city.authority
    return Authority(city.realm, frozenset(pinned.root_keys), pinned.threshold)


class ControlView:
    """The state of control, folded up to the last ``refresh``. What may not be in the record is void, and skipped."""

    def __init__(self, city: City, ledger: Ledger) -> None:
        self.fold = LedgerFold(authority_of(city), frozenset({"control"}))
        self._ledger = ledger
        self._lock = asyncio.Lock()

    @property
    def state(self) -> ControlState:
        """The state as it was last read."""
        return self.fold.control

    async def refresh(self) -> ControlState:
        """Return the state as the ledger has it now; raises Unreachable."""
        async with self._lock:
            while (entry := await self._ledger.next(subjects.CONTROL, self.fold.control_seq)) is not None:
                self.fold.apply(entry, monotonic())
            return self.fold.control
