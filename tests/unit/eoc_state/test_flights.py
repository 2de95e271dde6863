"""Who may still be under way: also what another answered, across a restart, until its worker is surely awake."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import subjects
from schemas.events.desk import ServiceHealth
from services.eoc_state.domain import wakefulness
from services.eoc_state.domain.activation import barrier
from services.eoc_state.flights import Flights
from services.kernel.base.clock import ManualClock
from services.kernel.fold.ledger_fold import Authority, LedgerFold
from services.kernel.ledger.entry import Entry
from tests.unit.fanout.world import NOW, attempt, receipt, request

LEASE = 15.0
KINDS = frozenset({"request", "attempt", "receipt"})


def folded(answered_by: str, *, later: timedelta = timedelta(0)) -> LedgerFold:
    """A ledger in which somebody answered the attempt of worker-1, and another one later on."""
    fold = LedgerFold(Authority("live", frozenset(), 1), KINDS)
    of = request(targets=("a-social", "b-social"))
    for seq, (place, worker, by) in enumerate((("a", "worker-1", answered_by), ("b", "worker-3", "worker-4"))):
        made = attempt(worker=worker, rule=None, profile=f"{place}-social")
        at, base = NOW + seq * later, 5 + seq * 2
        said = receipt(attempt_seq=base + 1, profile=made.profile, worker=by)
        if not seq:
            fold.apply(Entry(5, subjects.request(of.request_id), at, of.to_bytes(), {}), 100.0)
        fold.apply(Entry(base + 1, subjects.attempt(made.profile, of.request_id), at, made.to_bytes(), {}), 100.0)
        fold.apply(Entry(base + 2, subjects.receipt(made.profile, of.request_id), at, said.to_bytes(), {}), 101.0)
    return fold


def watching(fold: LedgerFold) -> tuple[Flights, ManualClock]:
    clock = ManualClock(NOW)
    runtime: Any = SimpleNamespace(
        fold=fold, clock=clock, lease_seconds=LEASE, projection=SimpleNamespace(listen=lambda _listener, *_kinds: None)
    )
    return Flights(runtime), clock


async def beat(watch: Flights, clock: ManualClock, worker: str) -> None:
    await watch.on_health(ServiceHealth(service="fanout", instance=worker, at=clock.now(), control_seq=1, version="0"))


def test_what_another_answered_is_known_after_a_restart() -> None:
    """Whoever starts folds it: nobody else need remember."""
    watch, _ = watching(folded("worker-2"))
    (found, _) = watch.before(100)
    assert (found.seq, found.worker, found.answered_by) == (6, "worker-1", "worker-2")


def test_what_its_own_worker_answered_is_over() -> None:
    watch, _ = watching(folded("worker-1"))
    assert [one.seq for one in watch.before(100)] == [8]


def test_after_an_hour_a_worker_counts_as_dead() -> None:
    watch, _ = watching(folded("worker-2", later=timedelta(hours=1)))
    assert [one.worker for one in watch.before(100)] == ["worker-3"]


async def test_a_worker_is_awake_when_it_is_heard_of_for_a_while_after_a_silence() -> None:
    """With its first heartbeat, what it sends as it wakes may not have landed yet."""
    watch, clock = watching(folded("worker-2"))
    start = clock.monotonic()

    def unknown() -> list[int]:
        flight = watch.before(7)[0]
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
    watch, clock = watching(folded("worker-2"))
    for seconds in (0.0, 5.0, 5.0 + silence):
        clock.time = NOW + timedelta(seconds=seconds)
        await beat(watch, clock, "worker-1")
    assert (watch.workers.awake_until["worker-1"] == clock.monotonic()) is (silence < wakefulness.SILENCE_SECONDS)
