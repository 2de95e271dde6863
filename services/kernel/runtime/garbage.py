"""When the garbage collector looks for cycles: in a quiet moment, so that nobody's message waits for it.

Nearly all that is let go of here is in no cycle and is freed at once. A fan-out holds a hundred thousand objects for a
second, in tasks and what they wait for, and a look walks through all of them: three or four looks of 12 ms each for a
message to 1,000 profiles, none of which found anything. Soon after the fan-out most of them are gone by themselves.
"""

from __future__ import annotations

import asyncio
import gc
import time

MOST = 150_000
"""New objects after which is looked in any case, also in the middle of work; a look then takes some 60 ms."""

FEW = 10_000
"""New objects that are worth a look in a quiet moment, of some 6 ms."""

PAUSE = 1.0
"""Seconds between two questions whether it is quiet."""

QUIET = 0.3
"""The part of a core that this process may use while it counts as quiet."""


def settle() -> None:
    """Have what stays until the end left alone: it would be walked through again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(MOST, 10, 100)


def due(counts: tuple[int, int, int], limits: tuple[int, int, int]) -> int | None:
    """Return the oldest generation that is worth a look in a quiet moment, None where none is.

    Args:
        counts: as ``gc.get_count`` returns them.
        limits: as ``gc.get_threshold`` returns them; for the youngest generation FEW counts instead.
    """
    if counts[0] < FEW:
        return None
    return max((age for age in (1, 2) if counts[age] > limits[age]), default=0)


async def look_when_quiet(pause: float = PAUSE) -> None:
    """Look for cycles whenever the process has done little for ``pause`` seconds; without end."""
    used = time.process_time()
    while True:
        await asyncio.sleep(pause)
        before, used = used, time.process_time()
        age = due(gc.get_count(), gc.get_threshold())
        if age is not None and used - before < QUIET * pause:
            gc.collect(age)
            used = time.process_time()
