"""The one place that reads a clock. Everything else takes the time as an argument, or a Clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

_BOOT_TIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Tells the time in UTC, and seconds that only grow."""

    def now(self) -> datetime:
        """Return the current time, with its offset."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow, also while the process or the machine sleeps; leases are measured on it."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the seconds since the machine was started, suspended time included (CLOCK_BOOTTIME)."""
        return time.clock_gettime(_BOOT_TIME)


class ManualClock:
    """A clock that tests and drills set by hand."""

    def __init__(self, start: datetime) -> None:
        self.time = start

    def now(self) -> datetime:
        """Return the time that was set."""
        return self.time

    def monotonic(self) -> float:
        """Return the time that was set, as seconds."""
        return self.time.timestamp()


def monotonic() -> float:
    """Return seconds that only grow; for measuring how long something took."""
    return time.monotonic()
