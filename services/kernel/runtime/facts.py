"""What a service knows of the ledger: its projection, or control alone where its row does not fold."""

from __future__ import annotations

import asyncio

from services.kernel.control.control_state import ControlState
from services.kernel.control.control_view import ControlView
from services.kernel.projection.past import LAGGING_SECONDS
from services.kernel.projection.projection import Projection
from services.kernel.projection.read_barrier import BARRIER_SECONDS, behind


class LedgerFacts:
    """The state of control as this service knows it, and how to know it better.

    ``known.fold`` is what is known; of a row that does not fold, control alone.
    """

    def __init__(self, projection: Projection, view: ControlView, *, folds: bool) -> None:
        self._projection, self._view, self._folds = projection, view, folds
        self.known: Projection | ControlView = projection if folds else view

    @property
    def control(self) -> ControlState:
        """The state of control."""
        return self.known.fold.control

    async def catch_up(self) -> ControlState:
        """Learn what the ledger has now; return the state of control. Raises Unreachable."""
        if not self._folds:
            return await self._view.refresh()
        await self._projection.catch_up()
        return self.control

    async def at_least(self, seq: int) -> ControlState:
        """Know at least what is there up to a sequence of ``ledger.control``; return the state of control.

        Raises:
            Unreachable: ``ledger.behind``, the ledger could not be read so far in time.
        """
        if self._folds:
            await self._projection.at_least(seq)
            return self.control
        try:
            async with asyncio.timeout(BARRIER_SECONDS):
                while self._view.fold.control_seq < seq:
                    await self._view.refresh()
                    if self._view.fold.control_seq < seq:  # a deposed leader, or a replica, that is behind
                        await asyncio.sleep(LAGGING_SECONDS)
        except TimeoutError:
            raise behind(seq) from None
        return self.control
