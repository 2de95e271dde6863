"""Rows of the seeded simulation and of the exhaustive model: faults by the thousand, and every interleaving."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.faults.rows import Row, Scale
from tests.simulation.model.explore import Found, explore
from tests.simulation.model.scenarios import FULL, MUTANT_SCENES, SHORT

ROOT = Path(__file__).parents[2]
SEEDS = {Scale.SHORT: 6, Scale.FULL: 1_000}


async def simulation(_folder: Path, scale: Scale) -> list[Row]:
    """Play seeds in a program of their own, since their order of things begins with its hash seed."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.simulation", "--json", "--seeds", str(SEEDS[scale])),
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0"},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await program.communicate()
    lines = said.decode().splitlines()
    told = json.loads(lines[-1])
    broken = [f"seed {seed}: {problem}" for seed, problem in told["broken"]]
    return [
        Row(
            "seeded simulation: kills, pauses, a bad network, lying platforms",
            times=told["kills"] + told["stops"],
            acked=told["acked"],
            stored=told["stored"],
            posted=told["posts"],
            doubles=sum(": 4:" in one for one in broken),
            remark=f"{told['seeds']} seeds in {told['seconds']} s; any of them again: make sim SEED=n",
            wrong=tuple(broken[:5]),
        )
    ]


async def interleavings(_folder: Path, scale: Scale) -> list[Row]:
    """Explore every interleaving of the model, and see each planted bug found."""
    scenes = SHORT if scale is Scale.SHORT else FULL
    context = multiprocessing.get_context("forkserver")
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = await asyncio.gather(*(loop.run_in_executor(pool, explore, scene) for scene in scenes.values()))
        mutants = await asyncio.gather(
            *(loop.run_in_executor(pool, explore, scene, names) for names, scene in MUTANT_SCENES.items())
        )
    missed = ["+".join(names) for names, one in zip(MUTANT_SCENES, mutants, strict=True) if not one.broken]
    return [_row(scenes, found, missed)]


def _row(scenes: Iterable[str], found: list[Found], missed: list[str]) -> Row:
    wrong = [f"{name}: {'; '.join(one.broken)}" for name, one in zip(scenes, found, strict=True) if one.broken]
    caught = len(MUTANT_SCENES) - len(missed)
    wrong += [f"the planted bug {name} is not found" for name in missed]
    states, traces = sum(one.states for one in found), sum(one.traces for one in found)
    return Row(
        "every interleaving with activate, stand-down, revoke, hold, withdraw, crashes, faults of platforms",
        times=states,
        posted=sum(one.posted for one in found),
        remark=f"{len(found)} scenes, {states:,} states, {traces:,} traces; {caught} mutants found",
        wrong=tuple(wrong),
    )
