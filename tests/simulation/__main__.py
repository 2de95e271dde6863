# ruff: noqa: T201 - a program that tells what it found
"""``python -m tests.simulation [--seed N] [--seeds N] [--from N] [--mutant NAME] [--theme NAME]``."""

from __future__ import annotations

import argparse
import json
import os
import sys


def main() -> int:
    """Play what was asked for; the exit status is 1 when an invariant broke."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is part of a run
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    from tests.simulation.mutants import MUTANTS
    from tests.simulation.run import WORKERS, run
    from tests.simulation.themes import THEMES

    parser = argparse.ArgumentParser(prog="tests.simulation", description="Seeded simulation of all services.")
    parser.add_argument("--seed", type=int, help="play this one, with its whole trace")
    parser.add_argument("--seeds", type=int, default=1_000, help="how many (default: 1000)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed (default: 0)")
    parser.add_argument("--mutant", action="append", default=[], choices=sorted(MUTANTS), help="switch a known bug on")
    parser.add_argument("--theme", default="", choices=sorted(THEMES), help="the kind of day, whatever the seed has")
    parser.add_argument("--mutants", action="store_true", help="try every known bug, on up to 250 seeds each")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--json", action="store_true", help="say at the end what came of it, as one line of JSON")
    asked = parser.parse_args()
    mutants = tuple(asked.mutant)
    if asked.mutants:
        return _try_mutants(min(asked.seeds, MOST_SEEDS), asked.workers)
    if asked.seed is not None:
        outcome = run(asked.seed, mutants, asked.theme, whole=True)
        print("\n".join(outcome.trace))
        print(f"trace {outcome.hash}")
        print(outcome.story(mutants, asked.theme).splitlines()[0] if not outcome.problems else "")
        for problem in outcome.problems:
            print(f"  {problem}")
        return bool(outcome.problems)
    return _play_many(
        range(asked.first, asked.first + asked.seeds), mutants, asked.theme, asked.workers, as_json=asked.json
    )


MOST_SEEDS = 250


def _try_mutants(most: int, workers: int) -> int:
    """Print for each known bug the first seed that catches it; 1 if one is not caught that should be."""
    from tests.simulation.mutants import MUTANTS
    from tests.simulation.run import first_caught

    missed = 0
    for name in sorted(MUTANTS):
        harmless = MUTANTS[name].harmless
        caught = first_caught(name, range(most), workers)
        missing = "not caught; another wall stands" if harmless else "NOT CAUGHT"
        problem = caught.problems[0] if caught else missing
        print(f"{name:26} {caught.seed if caught else '-':>4}  {problem[:90]}", flush=True)
        missed += caught is None and not harmless
    return bool(missed)


def _play_many(seeds: range, mutants: tuple[str, ...], theme: str, workers: int, *, as_json: bool) -> int:
    from tests.simulation.run import clock, many

    began = clock()
    sums = dict.fromkeys(("seeds", "acked", "stored", "posts", "kills", "stops"), 0)
    broken: list[tuple[int, str]] = []
    for outcome in many(seeds, mutants, theme, workers):
        sums["seeds"] += 1
        for name in ("acked", "stored", "posts", "kills", "stops"):
            sums[name] += getattr(outcome, name)
        broken += [(outcome.seed, problem) for problem in outcome.problems]
        if outcome.problems:
            print(outcome.story(mutants, theme), flush=True)
        elif sums["seeds"] % 100 == 0:
            print(f"{sums['seeds']} seeds, {clock() - began:.0f} s", flush=True)
    said = sums | {"seconds": round(clock() - began, 1)}
    failed = len({seed for seed, _ in broken})
    if as_json:
        print(json.dumps(said | {"broken": broken}))
    else:
        print(f"{failed} broken; " + ", ".join(f"{value} {name}" for name, value in said.items()))
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
