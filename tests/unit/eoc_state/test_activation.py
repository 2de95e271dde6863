"""The barrier of activation: passed when nothing older can land any more, but for what is named."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.eoc_state.domain.activation import barrier
from services.kernel.fold.flight import Flight

LEASE = 15.0


def flight(seq: int = 1, worker: str = "w1", folded_at: float = 100.0, answered_by: str = "") -> Flight:
    return Flight(seq, "fire-townsquare", f"r{seq}", worker, folded_at, answered_by)


def names(found: tuple[object, ...]) -> list[int]:
    return [getattr(one, "attempt_seq", getattr(one, "seq", 0)) for one in found]


def test_nothing_in_flight_passes_at_once() -> None:
    found = barrier((), {}, 0.0, LEASE)
    assert (found.passed, found.lapsed, found.unknown) == (True, 0, ())


def test_an_open_attempt_is_waited_for_until_its_lease_is_over_and_is_then_named() -> None:
    just_before = barrier([flight()], {}, 100.0 + LEASE - 0.001, LEASE)
    assert (just_before.passed, names(just_before.waiting), just_before.unknown) == (False, [1], ())
    over = barrier([flight()], {}, 100.0 + LEASE, LEASE)
    assert (over.passed, over.lapsed, names(over.unknown)) == (True, 1, [1])
    assert (over.unknown[0].profile, over.unknown[0].request_id) == ("fire-townsquare", "r1")


def test_a_heartbeat_does_not_shorten_the_lease_of_an_open_attempt() -> None:
    """Its worker lives, and may be calling at this very moment."""
    assert not barrier([flight()], {"w1": 114.9}, 114.9, LEASE).passed
    assert names(barrier([flight()], {"w1": 116.0}, 116.0, LEASE).unknown) == [1]


ANSWERED = flight(answered_by="w2")


def test_an_attempt_that_another_answered_is_waited_for_while_its_worker_may_still_call() -> None:
    assert not barrier([ANSWERED], {"w1": 114.9}, 114.9, LEASE).passed


def test_a_worker_that_was_heard_of_after_the_lease_has_looked_at_the_clock_since() -> None:
    found = barrier([ANSWERED], {"w1": 100.0 + LEASE}, 200.0, LEASE)
    assert (found.passed, found.lapsed, found.unknown) == (True, 0, ())


def test_a_worker_that_was_never_heard_of_since_the_lease_is_a_named_unknown() -> None:
    """It may be stopped between its look and its call, and whoever answered in its place cannot know."""
    for heard in ({}, {"w2": 199.0}, {"w1": 100.0 + LEASE - 0.001}):
        found = barrier([ANSWERED], heard, 200.0, LEASE)
        assert (found.passed, found.lapsed, names(found.unknown)) == (True, 0, [1])


flights = st.lists(
    st.builds(
        flight,
        worker=st.sampled_from(["w1", "w2"]),
        folded_at=st.integers(80, 120).map(float),
        answered_by=st.sampled_from(["", "w3"]),
    ),
    max_size=12,
).map(lambda found: [replace(one, seq=number) for number, one in enumerate(found, 1)])
heartbeats = st.dictionaries(st.sampled_from(["w1", "w2"]), st.integers(80, 140).map(float))


@given(flights, heartbeats, st.integers(80, 140).map(float))
def test_each_attempt_is_waited_for_or_named_or_accounted_for_once(
    found: list[Flight], heard: dict[str, float], now: float
) -> None:
    told = barrier(found, heard, now, LEASE)
    waiting, unknown = set(names(told.waiting)), names(told.unknown)
    assert unknown == sorted(unknown)
    assert not waiting & set(unknown)
    assert told.passed == (not waiting)
    for one in found:
        silent = heard.get(one.worker, 0.0) < one.folded_at + LEASE
        if now < one.folded_at + LEASE:
            assert (one.seq in waiting) == (not one.answered_by or silent)
        else:
            assert one.seq not in waiting, "nobody is waited for beyond a lease"
            assert (one.seq in unknown) == (not one.answered_by or silent)


@given(flights, heartbeats)
def test_it_always_passes_a_lease_after_the_last_attempt(found: list[Flight], heard: dict[str, float]) -> None:
    last = max((one.folded_at for one in found), default=0.0)
    assert barrier(found, heard, last + LEASE, LEASE).passed
