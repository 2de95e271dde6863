"""Plays seeds and says what came of them: one, many, with a bug planted or without."""

from __future__ import annotations

import gc
import multiprocessing
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.simulation.checks import problems
from tests.simulation.mutants import MUTANTS, mutated, with_those_behind
from tests.simulation.once import shared
from tests.simulation.simulated_city import SimulatedCity, make_simulated_city
from tests.simulation.themes import THEMES
from tests.simulation.world import World, play

WORKERS = 2
TAIL = 60


@dataclass(frozen=True)
class Outcome:
    """What one seed came to. ``problems`` is empty when every invariant holds."""

    seed: int
    problems: tuple[str, ...]
    hash: str
    acked: int
    stored: int
    posts: int
    kills: int
    stops: int
    steps: int
    trace: tuple[str, ...] = ()

    def story(self, mutants: tuple[str, ...] = (), theme: str = "") -> str:
        """What broke, the end of the trace, and how to see it again."""
        again = f"make sim SEED={self.seed}" if not mutants else f"... python -m tests.simulation --seed {self.seed}"
        again += "".join(f" --mutant {name}" for name in mutants) + (f" --theme {theme!r}" if theme else "")
        lines = [f"seed {self.seed}: {len(self.problems)} broken", *(f"  {one}" for one in self.problems)]
        return "\n".join([*lines, "the end of the trace:", *self.trace[-TAIL:], f"replay: {again}"])


_TOWN: list[SimulatedCity] = []


def town() -> SimulatedCity:
    """The town, made once in a process and inherited by its children."""
    if not _TOWN:
        _TOWN.append(make_simulated_city())
        gc.collect()
        gc.freeze()
    return _TOWN[0]


def run(seed: int, mutants: tuple[str, ...] = (), theme: str = "", *, whole: bool = False) -> Outcome:
    """Play one seed; ``theme``: instead of its own; ``whole`` keeps the trace also of a run without fault."""
    here = town()
    with shared(), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # who is killed leaves coroutines behind that never began
        with mutated(mutants):
            world = play(here, seed, THEMES[theme] if theme else None)
        found = problems(world)
    outcome = _outcome(world, found, whole=whole)
    del world
    forget()
    return outcome


def _outcome(world: World, found: list[str], *, whole: bool) -> Outcome:
    entries = [entry for entry in world.server.ledger.entries if entry is not None]
    lines = (f"{when:9.3f} {who:16} {what}" for when, who, what in world.trace)
    return Outcome(
        seed=world.seed,
        problems=tuple(found),
        hash=world.hash(),
        acked=len(world.told.requests),
        stored=sum(entry.subject.startswith("ledger.request.") for entry in entries),
        posts=len(world.platforms.posts),
        kills=sum(what in ("KILLED", "CRASH") for _, _, what in world.trace),
        stops=sum(what.startswith(("STOPPED", "CUT OFF")) for _, _, what in world.trace),
        steps=world.loop.steps,
        trace=tuple(lines) if found or whole else (),
    )


def forget() -> None:
    """Let go of the tasks of killed processes: they end in the middle, as they should, and nobody need hear of it."""
    hook = sys.unraisablehook
    sys.unraisablehook = lambda _unraisable: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()
    finally:
        sys.unraisablehook = hook


def many(
    seeds: Iterable[int], mutants: tuple[str, ...] = (), theme: str = "", workers: int = WORKERS
) -> Iterator[Outcome]:
    """Play seeds, some at a time, and yield each outcome as it comes, in order."""
    town()
    if workers < 2:
        yield from (run(seed, mutants, theme) for seed in seeds)
        return
    context = multiprocessing.get_context("fork")
    with context.Pool(workers) as pool:
        yield from pool.imap(_Job(mutants, theme), seeds, chunksize=1 if mutants else 4)


MISFITS = ("AttributeError", "NameError", "TypeError")
"""What a planted bug raises that reaches for something which is gone: it would be caught for that, and test nothing."""


def first_caught(name: str, seeds: Iterable[int], workers: int = WORKERS) -> Outcome | None:
    """Return the first seed that is broken by a bug on its kind of day, and whole without it; None if there is none."""
    theme = MUTANTS[name].theme
    for outcome in many(seeds, with_those_behind(name), theme, workers):
        for problem in outcome.problems:
            assert not any(word in problem for word in MISFITS), f"{name} does not fit the code any more: {problem}"
        if outcome.problems and not run(outcome.seed, theme=theme).problems:
            return outcome
    return None


@dataclass(frozen=True)
class _Job:
    mutants: tuple[str, ...]
    theme: str

    def __call__(self, seed: int) -> Outcome:
        return run(seed, self.mutants, self.theme)


def clock() -> float:
    """Seconds, for telling how long it took."""
    return time.monotonic()
