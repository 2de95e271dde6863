"""How far our clock is ahead of a platform's, by the Date of its answers: a look that begins by ours would be late."""

from __future__ import annotations

from datetime import timedelta

from services.fanout.connectors.calls.http import Answer, Outcome
from services.fanout.connectors.calls.waits import server_time
from services.kernel.base.clock import Clock

_FARTHEST = timedelta(days=1)
"""A Date that is farther off is no clock's that posts are stamped by."""


class ClockAhead:
    """Compares our clock with one platform's. Where ours is behind, a look begins early, which hides nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.by = timedelta(0)
        """How far ours is ahead, by the newest answer."""

    def note(self, outcome: Outcome) -> None:
        """Look at an answer's Date; what has none says nothing."""
        theirs = server_time(outcome.headers) if isinstance(outcome, Answer) else None
        if theirs is None:
            return
        ahead = self._clock.now() - theirs
        self.by = ahead if timedelta(0) < ahead < _FARTHEST else timedelta(0)
