"""What a city costs that has nothing to do, and how soon it is ready."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from bench import product
from bench.children import cpu_seconds, resident_megabytes
from bench.city import City, NotStarted
from bench.context import Bench
from bench.rows import Row, missing, row_of

CALM_SECONDS = 3.0
WINDOW_SECONDS = 6.0
BESIDE = "nats-server and an empty FastStream program"


@dataclass(frozen=True)
class Cost:
    """Seconds to ready, processor time in percent of a core, resident memory in MB."""

    ready: float
    percent: float
    megabytes: float


async def measure(bench: Bench) -> AsyncIterator[Row]:
    """Yield the rows of the demonstration city and of 1,000 profiles."""
    demo = bench.new_demo()
    for row in await _rows(bench, "demo", "the demonstration city", lambda: demo, 2, ("3 s", "2 %", "120 MB")):
        yield row
    large = bench.new_city(1_000)
    for row in await _rows(bench, "1000", "1,000 profiles", lambda: large, 2, ("5 s", "3 %", "")):
        yield row


async def _rows(
    bench: Bench, key: str, name: str, city: Callable[[], City], runs: int, floors: tuple[str, str, str]
) -> list[Row]:
    whats = (
        (f"idle.{key}.ready", f"up to ready, {name}", "s"),
        (f"idle.{key}.cpu", f"idle processor, {name}", "% of a core"),
        (f"idle.{key}.memory", f"memory, {name}", "MB"),
    )
    try:
        pairs = [(await _city(city()), await _bare(bench)) for _ in range(runs)]
    except NotStarted as error:
        return [missing(*what[:2], BESIDE, error, what[2], floor=floors[n]) for n, what in enumerate(whats)]
    columns = ("ready", "percent", "megabytes")
    made = []
    for (row_key, what, unit), column, floor in zip(whats, columns, floors, strict=True):
        values = [(getattr(ours, column), getattr(theirs, column)) for ours, theirs in pairs]
        made.append(row_of(row_key, what, BESIDE, values, unit, floor=floor))
    return made


async def _city(city: City) -> Cost:
    try:
        ready = await city.up()
        return await _calm(ready, [city.pid])
    finally:
        await city.down()


async def _bare(bench: Bench) -> Cost:
    """Start an empty program on a server of its own; the server keeps to the product's durability."""
    folder = bench.folder / f"bare-{time.monotonic_ns()}"
    folder.mkdir()
    (port,) = product.free_ports(1)
    conf = f'listen: "127.0.0.1:{port}"\njetstream {{\n  store_dir: "{folder}/store"\n  sync_interval: "always"\n}}\n'
    (folder / "nats.conf").write_text(conf)
    began = time.perf_counter()
    server = bench.children.start((product.nats_server(), "-c", str(folder / "nats.conf")), log=folder / "nats.log")
    await asyncio.to_thread(_listening, folder / "nats.log")
    app = bench.children.start(
        (sys.executable, "-m", "bench.rivals.app", f"nats://127.0.0.1:{port}"),
        log=folder / "app.log",
        stdout=subprocess.PIPE,
    )
    try:
        assert app.stdout is not None
        await asyncio.to_thread(app.stdout.readline)
        return await _calm(time.perf_counter() - began, [server.pid, app.pid])
    finally:
        bench.children.stop(app)
        bench.children.stop(server)


def _listening(log: Path) -> None:
    while "Server is ready" not in log.read_text():
        time.sleep(0.01)


async def _calm(ready: float, pids: list[int]) -> Cost:
    """Wait until it is calm, then look at it for a while."""
    await asyncio.sleep(CALM_SECONDS)
    windows = []
    for _ in range(2):
        before = sum(cpu_seconds(pid) for pid in pids)
        await asyncio.sleep(WINDOW_SECONDS / 2)
        windows.append((sum(cpu_seconds(pid) for pid in pids) - before) / (WINDOW_SECONDS / 2) * 100)
    percent = max(statistics.mean(windows), 0.05)
    return Cost(ready, percent, sum(resident_megabytes(pid) for pid in pids))
