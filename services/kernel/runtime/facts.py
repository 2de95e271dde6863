"""What a service knows of the ledger: its projection, or control alone where its row does not fold."""

from __future__ import annotations

from services.kernel.control.control_state import ControlState
from services.kernel.control.control_view import ControlView
from services.kernel.projection.projection import Projection


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
        """Know at least what is there up to a sequence; return the state of control. Raises Unreachable."""
        if not self._folds:
            return await self._view.refresh()
        await self._projection.at_least(seq)
        return self.control
