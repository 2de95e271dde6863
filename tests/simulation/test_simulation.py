"""The seeded simulation in short: some seeds, the same seed twice, each planted bug."""

from __future__ import annotations

import pytest

from tests.simulation.plants import HARMLESS, PLANTS, with_those_behind
from tests.simulation.plants import SEEDS as PLANT_SEEDS
from tests.simulation.run import run

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


@pytest.mark.parametrize("name", PLANT_SEEDS)
def test_a_planted_bug_is_caught(name: str) -> None:
    """By a seed that is whole without it."""
    seeds = (PLANT_SEEDS[name], *range(BOUND))
    caught = next((seed for seed in seeds if run(seed, with_those_behind(name)).problems), None)
    assert caught is not None, f"{name} was not caught within {BOUND} seeds"
    assert not run(caught).problems


def test_each_bug_that_does_harm_is_caught() -> None:
    assert set(PLANT_SEEDS) == set(PLANTS) - HARMLESS
