"""A snapshot that is still being written when its service stops is waited for, and no older one comes after it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import structlog

from services.kernel.base.clock import SystemClock
from services.kernel.projection.snapshots import SnapshotPace, Snapshots
from tests.unit.projection.story import begun, folded


class SlowDisk(ThreadPoolExecutor):
    """Threads whose work begins, and goes on when ``go`` is set."""

    def __init__(self) -> None:
        super().__init__(4)
        self.begun, self.go = 0, threading.Event()
        self.first = asyncio.Event()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.begun += 1
        self.first.set()
        return super().submit(lambda: (self.go.wait(), fn(*args, **kwargs))[1])


async def test_the_last_one_is_written_behind_the_one_that_a_stop_found_under_way(tmp_path: Path) -> None:
    """The first came after the last, and a folder that was cleared away had a file again."""
    disk, reader = SlowDisk(), folded(begun())
    asyncio.get_running_loop().set_default_executor(disk)
    ports: Any = SimpleNamespace(fold=reader.fold, newest=reader._seen[-1], fault=None)
    path = tmp_path / "live.json"
    snapshots = Snapshots(path, ports, ports, ports, SystemClock(), structlog.get_logger(), SnapshotPace(0.0, 1))
    keeping = asyncio.create_task(snapshots.keep())
    await disk.first.wait()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    taking = asyncio.create_task(snapshots.take())
    for _ in range(20):
        await asyncio.sleep(0)
    assert (disk.begun, taking.done()) == (1, False)
    disk.go.set()
    await taking
    assert (disk.begun, path.exists()) == (2, True)
