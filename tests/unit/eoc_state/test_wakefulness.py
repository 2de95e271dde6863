"""Until when a worker was surely awake: heartbeats say so, and after a silence not the first of them."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.events.desk import ServiceHealth
from services.eoc_state.domain import wakefulness
from services.eoc_state.domain.activation import barrier
from services.eoc_state.handlers import EocHandlers
from services.kernel.base.clock import ManualClock
from services.kernel.fold.flight import Flight
from tests.unit.fanout.world import NOW

LEASE = 15.0


class Watch:
    """Handlers that take heartbeats in, and what they note."""

    def __init__(self, clock: ManualClock) -> None:
        self.workers = wakefulness.Wakefulness()
        runtime: Any = SimpleNamespace(clock=clock)
        nothing: Any = None
        self.on_health = EocHandlers(runtime, nothing, self.workers, nothing).on_health


def watching() -> tuple[Watch, ManualClock]:
    clock = ManualClock(NOW)
    return Watch(clock), clock


async def beat(watch: Watch, clock: ManualClock, worker: str) -> None:
    await watch.on_health(ServiceHealth(service="fanout", instance=worker, at=clock.now(), control_seq=1, version="0"))


async def test_a_worker_is_awake_when_it_is_heard_of_for_a_while_after_a_silence() -> None:
    """With its first heartbeat, what it sends as it wakes may not have landed yet."""
    watch, clock = watching()
    start = clock.monotonic()

    def unknown() -> list[int]:
        flight = Flight(6, "a-social", "r1", "worker-1", 100.0, "worker-2")
        found = barrier([flight], watch.workers.awake_until, clock.monotonic() - start + 100.0, LEASE)
        return [one.attempt_seq for one in found.unknown]

    for seconds in (0.0, 2.0, 4.0):
        clock.time = NOW + timedelta(seconds=200 + seconds)
        await beat(watch, clock, "worker-1")
        assert unknown() == [6]
    clock.time = NOW + timedelta(seconds=200 + wakefulness.AWAKE_SECONDS)
    await beat(watch, clock, "worker-1")
    assert watch.workers.awake_until["worker-1"] == clock.monotonic()


@pytest.mark.parametrize("silence", [wakefulness.SILENCE_SECONDS - 0.1, wakefulness.SILENCE_SECONDS + 0.1])
async def test_only_a_silence_makes_a_worker_doubtful(silence: float) -> None:
    watch, clock = watching()
    for seconds in (0.0, 5.0, 5.0 + silence):
        clock.time = NOW + timedelta(seconds=seconds)
        await beat(watch, clock, "worker-1")
    assert (watch.workers.awake_until["worker-1"] == clock.monotonic()) is (silence < wakefulness.SILENCE_SECONDS)
