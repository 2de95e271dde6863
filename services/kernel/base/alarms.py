"""What one process noticed that no service of ours does: signs of a stolen key. Told by its heartbeat until it ends.

``onevoice doctor`` and ``onevoice pending`` show it; the log has each one. The record itself is judged by the audit.
"""

from __future__ import annotations

from collections import deque

KEPT = 20


class Alarms:
    """Counts alarms and keeps the newest ones, oldest first in ``newest``."""

    def __init__(self) -> None:
        self.count = 0
        self.newest: deque[str] = deque(maxlen=KEPT)

    def add(self, said: str) -> None:
        """Keep an alarm: one plain sentence without its full stop."""
        self.count += 1
        self.newest.append(said)

    def in_words(self) -> str | None:
        """Return what a person should know, None where nothing was noticed."""
        if not self.count:
            return None
        return f"{'1 alarm' if self.count == 1 else f'{self.count} alarms'}, the newest: {self.newest[-1]}"
