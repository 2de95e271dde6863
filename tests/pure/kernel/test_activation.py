"""The barrier of activation: passed when nothing older is in flight, and it counts how each ended."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from services.kernel.flight import Flight

from services.eoc_state.activation import advance

AT = datetime(2026, 1, 31, 14, tzinfo=UTC)


def flight(seq: int) -> Flight:
    return Flight(seq, AT, "fire-townsquare", f"r{seq}")


def test_nothing_in_flight_passes_at_once() -> None:
    barrier = advance({}, (), frozenset())
    assert (barrier.passed, barrier.settled, barrier.lapsed) == (True, 0, 0)


def test_it_waits_for_each() -> None:
    one, two = flight(1), flight(2)
    barrier = advance({1: one, 2: two}, (two,), frozenset())
    assert (barrier.passed, barrier.waiting, barrier.settled) == (False, (two,), 1)


def test_a_lapsed_lease_is_not_told_as_settled() -> None:
    barrier = advance({1: flight(1), 2: flight(2)}, (), frozenset({2}))
    assert (barrier.passed, barrier.settled, barrier.lapsed) == (True, 1, 1)


def test_an_attempt_that_is_in_flight_is_never_counted_as_lapsed() -> None:
    barrier = advance({1: flight(1)}, (flight(1),), frozenset({1}))
    assert (barrier.passed, barrier.lapsed) == (False, 0)


@given(st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)))
def test_each_attempt_is_counted_once(seen: set[int], still: set[int], lapsed: set[int]) -> None:
    seen |= still
    waiting = tuple(flight(seq) for seq in sorted(still))
    barrier = advance({seq: flight(seq) for seq in seen}, waiting, frozenset(lapsed))
    assert len(barrier.waiting) + barrier.settled + barrier.lapsed == len(seen)
    assert barrier.passed == (not still)
