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


CAUGHT_BY: dict[str, int] = {"stale_control": 1}
"""The seed that shows each planted bug."""


@pytest.mark.parametrize("name", CAUGHT_BY)
def test_a_planted_bug_is_caught(name: str) -> None:
    """By this seed, which is whole without it."""
    seed = CAUGHT_BY[name]
    assert run(seed, with_those_behind(name)).problems, f"{name} was not caught by seed {seed}"
    assert not run(seed).problems


def test_what_is_planted_is_known() -> None:
    assert set(CAUGHT_BY) <= set(PLANTS) - HARMLESS
