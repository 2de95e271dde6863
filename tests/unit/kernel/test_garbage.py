"""The garbage collector looks for cycles in quiet moments, and when very much is new."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Iterator

import pytest

from services.kernel.runtime.garbage import FEW, MOST, PAUSE, QUIET, due, look_when_quiet, settle
from tests.support.virtual_time import in_virtual_time

LIMITS = (MOST, 10, 100)


class Knot:
    """An object that holds itself."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def own_limits() -> Iterator[None]:
    """Leave the collector as it was."""
    limits = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*limits)


@pytest.mark.parametrize(
    ("counts", "age"),
    [
        ((FEW - 1, 11, 101), None),
        ((FEW, 0, 0), 0),
        ((FEW, 10, 100), 0),
        ((FEW, 11, 0), 1),
        ((FEW, 11, 101), 2),
        ((FEW, 0, 101), 2),
    ],
)
def test_the_oldest_generation_that_is_due_is_looked_at(counts: tuple[int, int, int], age: int | None) -> None:
    """A little that is new is worth no look at all."""
    assert due(counts, LIMITS) == age


@pytest.mark.usefixtures("own_limits")
@in_virtual_time
async def test_cycles_are_let_go_of_in_a_quiet_moment_and_not_in_the_middle_of_work() -> None:
    """Whoever works is not kept waiting; soon after, all is gone."""
    settle()
    looks = asyncio.create_task(look_when_quiet(PAUSE))
    await asyncio.sleep(PAUSE / 2)
    knots = [Knot() for _ in range(FEW + 1_000)]
    known = [weakref.ref(knot) for knot in knots]
    del knots
    end = time.process_time() + QUIET * PAUSE
    while time.process_time() < end:
        pass
    await asyncio.sleep(PAUSE)  # over the look that finds it busy
    assert sum(one() is not None for one in known) > FEW
    await asyncio.sleep(2 * PAUSE)
    assert sum(one() is not None for one in known) == 0
    looks.cancel()
