"""All that waits, in the order of ``pending``: sorted once for all its pages, and anew when the fold went on. Pure."""

from __future__ import annotations

from bisect import bisect_right

from services.board.domain.views import is_pending, page_key
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.fold.state import RequestState


class PendingList:
    """The requests that wait, with their places as text. What waits changes by entries alone."""

    def __init__(self) -> None:
        self._of: tuple[LedgerFold, int] | None = None
        self._keys: list[str] = []
        self._states: list[RequestState] = []

    def __len__(self) -> int:
        return len(self._states)

    def follow(self, fold: LedgerFold) -> None:
        """Sort what waits by now, if anything was folded since."""
        if self._of is not None and self._of[0] is fold and self._of[1] == fold.seq:
            return
        waiting = sorted((page_key(one), one) for one in fold.requests.values() if is_pending(one))
        self._keys, self._states = [key for key, _ in waiting], [one for _, one in waiting]
        self._of = (fold, fold.seq)

    def page(self, after: str | None, size: int) -> tuple[list[RequestState], str | None]:
        """Return up to ``size`` requests behind a place, and the place of the last one if there are more."""
        start = bisect_right(self._keys, after) if after is not None else 0
        end = start + size
        return self._states[start:end], self._keys[end - 1] if end < len(self._keys) else None
