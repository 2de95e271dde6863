"""``python -m bench [--only GROUP,...] [--full] [--write]``: measure, print one table, write the results."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.children import Children
from bench.context import Bench
from bench.rows import Row, missing, table

GROUPS = ("fanout", "gate", "submissions", "activation", "growth", "idle", "person", "pages", "copies")
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Measure what was asked for; all that was started ends with it, also on Ctrl-C."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure OneVoice beside public programs.")
    parser.add_argument("--only", default=",".join(GROUPS), help=f"some of {', '.join(GROUPS)}")
    parser.add_argument("--full", action="store_true", help="also what takes minutes: 1,000,000 events, all rivals")
    parser.add_argument("--write", metavar="NAME", help="write into bench/results/NAME.json and docs/performance.md")
    chosen = parser.parse_args()
    groups = [group for group in GROUPS if group in chosen.only.split(",")]
    children = Children()
    folder = Path(tempfile.mkdtemp(prefix="onevoice-bench-"))
    events = int(os.environ.get("BENCH_EVENTS") or (1_000_000 if chosen.full else 100_000))
    _end_on_signals(children, folder)
    began = time.monotonic()
    try:
        bench = Bench(children, folder, chosen.full, events)
        bench.start_platform()
        rows = asyncio.run(_measure(bench, groups))
    finally:
        children.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
    print("\n" + table(rows))
    print(f"\n{len(rows)} rows in {time.monotonic() - began:.0f} s")
    _write(rows, groups, chosen.full, time.monotonic() - began, chosen.write)
    return 0


def _end_on_signals(children: Children, folder: Path) -> None:
    """On Ctrl-C, or when asked to end: end all that was started, and leave nothing behind."""

    def end(*_: Any) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        children.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
        print("\nstopped; nothing was written", file=sys.stderr, flush=True)
        os._exit(130)  # threads may wait for a child's word; there is nobody left to speak

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


async def _measure(bench: Bench, groups: list[str]) -> list[Row]:
    rows: list[Row] = []
    for group in groups:
        began = time.monotonic()
        module = importlib.import_module(f"bench.groups.{group}")
        try:
            async for row in module.measure(bench):
                rows.append(row)
                print(f"[{time.monotonic() - began:5.0f} s] {row.what} beside {row.beside}: {_said(row)}", flush=True)
        except Exception as error:  # noqa: BLE001 - the other groups are measured all the same
            rows.append(missing(f"{group}.failed", f"{group}: not measured to its end", "-", repr(error)))
            traceback.print_exc()
            print(f"[{time.monotonic() - began:5.0f} s] {group} failed: {error!r}", flush=True)
    return rows


def _said(row: Row) -> str:
    return row.note if row.ratio is None else f"{row.ratio:.3g}x"


def _write(rows: list[Row], groups: list[str], full: bool, seconds: float, name: str | None) -> None:
    moment = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
    result = {
        "at": moment,
        "version": importlib.import_module("importlib.metadata").version("onevoice"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "full": full,
        "seconds": round(seconds),
        "groups": groups,
        "runs": {group: {"at": moment, "load": os.getloadavg()[2]} for group in groups},
        "rows": [row.to_value() for row in rows],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name or time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    if name and path.exists():
        result = merged(json.loads(path.read_text(encoding="utf-8")), result)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written: {path.relative_to(RESULTS.parent.parent)}")
    if name:
        from bench.report import write_report

        write_report(result, RESULTS.parent.parent / "docs")


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return a result in which the groups that were played anew replace those of an older one; ``runs`` tells them.

    A longer ledger than was measured anew stays, with the day of its run.
    """
    others = [row for row in old["rows"] if row["key"].split(".")[0] not in new["groups"]]
    day = old.get("runs", {}).get("growth", old).get("at", "")[:10]
    longer = [{**row, "note": row.get("note") or f"of {day}"} for row in old["rows"] if _longer(row, new)]
    groups = [group for group in GROUPS if group in {*old["groups"], *new["groups"]}]
    rows = sorted(others + longer + new["rows"], key=_place)
    both = {"runs": {**old.get("runs", {}), **new.get("runs", {})}, "seconds": old["seconds"] + new["seconds"]}
    return {**new, **both, "groups": groups, "rows": rows}


def _longer(row: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether a row is of a ledger of a length that was not measured anew."""
    lengths = {_place(one)[1] for one in new["rows"] if one["key"].startswith("growth.")}
    return row["key"].startswith("growth.") and bool(lengths) and _place(row)[1] > max(lengths)


def _place(row: dict[str, Any]) -> tuple[int, int]:
    """Return where a row stands: by its group, a long ledger by its length."""
    group, _, rest = row["key"].partition(".")
    length = rest.split(".")[0]
    return GROUPS.index(group), int(length) if group == "growth" and length.isdigit() else 0


if __name__ == "__main__":
    sys.exit(main())
