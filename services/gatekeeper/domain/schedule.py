"""When the gate looks at a request again: at a time, because time alone may change a decision, or soon. Pure."""

from __future__ import annotations

import heapq
from datetime import datetime


class Schedule:
    """The requests to look at again. Of several times for one request the newest counts. ``soon``: at the next look.

    Beside its time a request may have a moment in boot-time seconds, for where a clock may be wrong, or put back.
    """

    def __init__(self) -> None:
        self.soon: set[str] = set()
        self._heap: list[tuple[datetime, str]] = []
        self._next: dict[str, datetime] = {}
        self._after: dict[str, float] = {}

    def add(self, request_id: str, when: datetime) -> None:
        """Look at a request again at a time in UTC."""
        if self._next.get(request_id) != when:
            self._next[request_id] = when
            heapq.heappush(self._heap, (when, request_id))

    def add_after(self, request_id: str, boot: float) -> None:
        """Look at a request again at a moment in boot-time seconds, also before its time."""
        self._after[request_id] = boot

    def take_due(self, now: datetime, boot: float) -> list[str]:
        """Return the requests that are due, in the order of their ids, and forget their times.

        ``now`` is the present in UTC, ``boot`` in boot-time seconds.
        """
        due, self.soon = self.soon, set()
        for request_id in [name for name, at in self._after.items() if at <= boot]:
            del self._after[request_id]
            due.add(request_id)
        while self._heap and self._heap[0][0] <= now:
            when, request_id = heapq.heappop(self._heap)
            if self._next.get(request_id) == when:
                del self._next[request_id]
                due.add(request_id)
        return sorted(due)
