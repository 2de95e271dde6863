"""Tells from heartbeats until when each worker was surely awake. Pure.

A worker that was stopped (SIGSTOP, a frozen machine) may send a post as it wakes, and its first heartbeats come before
that post has landed. So after a silence it counts as awake only when it has been heard of for a while.
"""

from __future__ import annotations

SILENCE_SECONDS = 6.0
"""After so long without a heartbeat, three of them, a worker may have been stopped."""

AWAKE_SECONDS = 5.0
"""How long a worker must be heard of again before it counts as awake. What it sends as it wakes has landed by then: its
call's time is over and the connection is reset."""


class Wakefulness:
    """When each worker was awake. Times are boot-time seconds. ``awake_until`` has the workers by name."""

    def __init__(self) -> None:
        self.awake_until: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._heard_since: dict[str, float] = {}

    def on_heartbeat(self, worker: str, now: float) -> None:
        """Take a worker's heartbeat in."""
        if now - self._last.get(worker, float("-inf")) > SILENCE_SECONDS:
            self._heard_since[worker] = now
        self._last[worker] = now
        if now - self._heard_since[worker] >= AWAKE_SECONDS:
            self.awake_until[worker] = now
