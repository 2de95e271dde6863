"""A machine whose clock is wrong."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.kernel.base.clock import SystemClock


class WrongClock(SystemClock):
    """So much ahead of the time (behind, where it is negative); boot-time seconds go on as they do."""

    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        """Return the wrong time."""
        return super().now() + self.ahead
