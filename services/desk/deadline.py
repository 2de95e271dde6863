"""How long a command may take; a person's time at a prompt does not count. Light: the standard library only."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from services.kernel.base.clock import monotonic


class Deadline:
    """When a command is given up, in monotonic seconds."""

    def __init__(self, seconds: float) -> None:
        self.at = monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.at - monotonic()


current: ContextVar[Deadline] = ContextVar("deadline")


def allow(seconds: float) -> None:
    """Give the command that runs so much more time; ``math.inf`` for one that goes on until Ctrl-C."""
    if found := current.get(None):
        found.at += seconds


@contextmanager
def while_a_person_thinks() -> Iterator[None]:
    """Stop the clock of the command: time at a prompt does not count."""
    found = current.get(None)
    left = found.left() if found else math.inf
    if found:
        found.at = math.inf
    try:
        yield
    finally:
        if found:
            found.at = monotonic() + left
