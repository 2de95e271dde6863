"""Print what starting costs: ``onevoice --help``, embedded start to ready, memory of all services in one process.

Medians of several runs on this machine, beside what an empty interpreter takes in the same run, since machines
differ. Budgets: docs/architecture.md.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 7
ONEVOICE = [sys.executable, "-m", "services.desk"]


def seconds_of(command: list[str]) -> float:
    """Return the median seconds of a command over RUNS runs, after one to warm the caches."""
    taken = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def megabytes(pid: int) -> tuple[float, float]:
    """Return the resident and the proportional set size of a process in MB (Linux)."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    found = {row.split(":")[0]: int(row.split()[1]) / 1024 for row in rows if row.startswith(("Rss", "Pss:"))}
    return found["Rss"], found["Pss"]


def start_city(folder: Path) -> tuple[float, float, float]:
    """Start a demonstration city; return seconds to ready, and resident and proportional MB once it is calm."""
    port = str(20_000 + os.getpid() % 20_000)
    began = time.perf_counter()
    city = subprocess.Popen(
        [*ONEVOICE, "up", "--json", "--city", str(folder), "--port", port],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert city.stdout is not None
    answer = json.loads(city.stdout.readline())
    ready = time.perf_counter() - began
    if not answer.get("ready"):
        sys.exit(f"the city did not come up: {answer}")
    time.sleep(3)
    resident, proportional = megabytes(city.pid)
    city.send_signal(signal.SIGINT)
    city.wait(timeout=60)
    return ready, resident, proportional


def main() -> None:
    """Measure and print."""
    empty = seconds_of([sys.executable, "-c", "pass"])
    help_seconds = seconds_of([*ONEVOICE, "--help"])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "city"
        subprocess.run([*ONEVOICE, "init", "--demo", str(folder)], stdout=subprocess.DEVNULL, check=True)
        runs = [start_city(folder) for _ in range(3)]
    ready, resident, proportional = (statistics.median(column) for column in zip(*runs, strict=True))
    print(f"empty interpreter            {empty:6.2f} s")
    print(f"onevoice --help              {help_seconds:6.2f} s   budget 0.40 s   {help_seconds / empty:4.1f} x empty")
    print(f"embedded start to ready      {ready:6.2f} s   budget 3.00 s   {ready / empty:4.1f} x empty")
    print(
        f"all services, one process    {resident:6.0f} MB resident ({proportional:.0f} MB proportional)   budget 150 MB"
    )


if __name__ == "__main__":
    main()
