"""How far our clock is ahead of a platform's, by the Date of its answers: a look that begins by ours would be late."""

from __future__ import annotations

from datetime import timedelta

from services.fanout.connectors.calls.http import Answer, Outcome
from services.fanout.connectors.calls.waits import server_time
from services.kernel.base.clock import Clock

_FARTHEST = timedelta(days=1)
"""A Date that is farther off is no clock's that posts are stamped by."""


def ahead_of(outcome: Outcome, clock: Clock) -> timedelta | None:
    """Return how far our clock is ahead of an answer's Date; None where it has none.

    Zero where ours is behind: a look begins early then, which hides nothing.
    """
    theirs = server_time(outcome.headers) if isinstance(outcome, Answer) else None
    if theirs is None:
        return None
    ahead = clock.now() - theirs
    return ahead if timedelta(0) < ahead < _FARTHEST else timedelta(0)


class ClockAhead:
    """Compares our clock with one platform's; ``by`` is how far ours is ahead, by the newest answer with a Date."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.by = timedelta(0)

    def note(self, outcome: Outcome) -> None:
        """Look at an answer's Date."""
        found = ahead_of(outcome, self._clock)
        self.by = self.by if found is None else found
