"""The seeded simulation in short: some seeds, the same seed twice, each planted bug."""

from __future__ import annotations

import pytest

from tests.sim.plants import HARMLESS, PLANTS, with_those_behind
from tests.sim.run import run

SEEDS = range(4)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_invariant_holds(seed: int) -> None:
    outcome = run(seed)
    assert not outcome.problems, outcome.story()
    assert outcome.steps > 1_000


def test_a_seed_gives_the_same_trace_twice() -> None:
    first, again, other = run(7), run(7), run(8)
    assert first.hash == again.hash
    assert first.hash != other.hash


BOUND = 40
"""Seeds within which each of these bugs is caught, if not by the seed that caught it before."""

CAUGHT = {
    "never_marked": 0,
    "redelivery_is_new": 0,
    "stale_control": 0,
    "receipt_lies": 0,
    "barrier_does_not_wait": 0,
    "expired_posted": 0,
    "verdict_without_cas": 9,
    "no_fence": 9,
    "unconfirmed_forgotten": 11,
    "late_call": 7,
    "no_second_look": 17,
    "acked_beside_an_attempt": 65,
    "no_lease_wait": 75,
}
"""Each with the seed to begin with; ``python -m tests.sim --plants`` tries all of them."""


@pytest.mark.parametrize("name", CAUGHT)
def test_a_planted_bug_is_caught(name: str) -> None:
    """By a seed that is whole without it."""
    seeds = (CAUGHT[name], *range(BOUND))
    caught = next((seed for seed in seeds if run(seed, with_those_behind(name)).problems), None)
    assert caught is not None, f"{name} was not caught within {BOUND} seeds"
    assert not run(caught).problems


def test_what_is_planted_is_known() -> None:
    assert set(CAUGHT) <= set(PLANTS) - HARMLESS
