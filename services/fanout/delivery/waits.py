"""What posts wait for without an attempt on record, for people to see: in the heartbeat, the most urgent first."""

from __future__ import annotations

from datetime import timedelta

from schemas.events.desk import PostWait
from services.fanout.domain.step import Place, Wait
from services.fanout.hosts.line import Priority
from services.kernel.base.clock import Clock

SHOWN = 50


class Waits:
    """The waits of one instance."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waits: dict[tuple[str, str], tuple[Priority, PostWait]] = {}

    def note(self, place: Place, wait: Wait) -> None:
        """Remember for what a post waits, and until when it is looked at again."""
        until = self._clock.now() + timedelta(seconds=min(wait.delay, 3_600.0))
        shown = PostWait(request_id=place.request_id, profile=place.profile, reason=wait.reason, until=until)
        self._waits[place.request_id, place.profile] = (place.state.priority, shown)

    def over(self, request_id: str, profile: str) -> None:
        """Forget a wait."""
        self._waits.pop((request_id, profile), None)

    def shown(self) -> tuple[PostWait, ...]:
        """Return the most urgent waits."""
        ordered = sorted(self._waits.values(), key=lambda one: (one[0], one[1].profile))
        return tuple(wait for _, wait in ordered[:SHOWN])
