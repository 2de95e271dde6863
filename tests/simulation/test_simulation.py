"""The seeded simulation in short: some seeds, the same seed twice, some planted bugs (all: ``make sim-mutants``)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from services.gatekeeper import handlers as gate
from tests.simulation.mutants import MUTANTS, Inapplicable, mutated, patches_of
from tests.simulation.run import first_caught, run
from tests.simulation.themes import THEMES

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


BOUND = 60
"""Seeds of its kind of day within which each of these bugs is caught."""

QUICK = (
    "verdict_without_cas",
    "effective_off",
    "stale_control",
    "no_barrier",
    "redelivery_is_new",
    "receipt_lies",
    "forgets_cleared",
    "barrier_does_not_wait",
    "no_quota",
    "chain_off",
)
"""One of each wall, caught by one of the first seeds."""


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_bug_is_caught(name: str) -> None:
    """By a seed that is whole without it."""
    assert first_caught(name, range(BOUND), workers=1) is not None, f"{name} was not caught within {BOUND} seeds"


@pytest.mark.parametrize("name", MUTANTS)
def test_each_bug_can_still_be_planted(name: str) -> None:
    """What it replaces is there, and is called as before; the bugs behind it and its kind of day are known."""
    assert patches_of(name)
    for owner, attribute, replacement in patches_of(name):
        original = getattr(owner, attribute)
        if inspect.isroutine(original):
            _check_called_alike(original, replacement)
    assert set(MUTANTS[name].behind) <= set(MUTANTS)
    assert MUTANTS[name].theme in {"", *THEMES}


def _check_called_alike(original: Callable[..., Any], replacement: Callable[..., Any]) -> None:
    """Raise TypeError where the replacement cannot be called with all that the original takes, or with the least."""
    takes = inspect.signature(original).parameters.values()
    positional = [one for one in takes if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    named = [one for one in takes if one.kind is one.KEYWORD_ONLY]
    for most in (True, False):
        args = [one.name for one in positional if most or one.default is one.empty]
        kwargs = {one.name: one.name for one in named if most or one.default is one.empty}
        inspect.signature(replacement).bind(*args, **kwargs)


def test_a_bug_that_takes_less_than_what_it_replaces_is_told() -> None:
    """The check can fail: a wall that is asked for more by now is not taken for one that holds."""
    for replacement in (lambda _one: None, lambda _one, _two: None, lambda _one, _two, _three: None):
        with pytest.raises(TypeError):
            _check_called_alike(lambda one, two=2, *, three=3: None, replacement)
    _check_called_alike(lambda one, two=2, *, three=3: None, lambda *_, **__: None)


def test_a_bug_whose_wall_has_moved_is_told() -> None:
    """The check can fail: a wall that has another name is not taken for one that holds."""
    wall = gate.is_news  # type: ignore[attr-defined]
    with mock.patch.object(gate, "is_news", wall):
        del gate.is_news  # type: ignore[attr-defined]
        with pytest.raises(Inapplicable, match="repeats_unchanged"), mutated(("repeats_unchanged",)):
            pass
