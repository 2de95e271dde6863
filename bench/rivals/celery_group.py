"""Celery over Redis that writes each change to disk before it answers (appendfsync always), to the same accounts."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import product
from bench.children import Children
from bench.rivals.loop import Account

THREADS = 128
START_SECONDS = 30.0


class NotInstalled(RuntimeError):
    """There is no redis-server here."""


class CeleryGroup:
    """A Redis and a worker; ``post`` is a group of tasks, and its end is that each result is stored."""

    def __init__(self, children: Children, folder: Path) -> None:
        self._children = children
        self._folder = folder
        self._processes: list[subprocess.Popen[str]] = []

    async def start(self) -> None:
        """Start both; raises NotInstalled where there is no redis-server."""
        redis = shutil.which("redis-server")
        if redis is None:
            raise NotInstalled("no redis-server here (Debian: apt-get install redis-server)")
        (port,) = product.free_ports(1)
        self._folder.mkdir()
        durable = ("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir", str(self._folder))
        arguments = (redis, "--bind", "127.0.0.1", "--port", str(port), *durable)
        self._processes.append(self._children.start(arguments, log=self._folder / "redis.log"))
        os.environ["BENCH_REDIS"] = f"redis://127.0.0.1:{port}/0"
        worker = (sys.executable, "-m", "celery", "-A", "bench.rivals.celery_tasks", "worker", "--pool", "threads")
        more = ("--concurrency", str(THREADS), "--without-gossip", "--without-mingle", "--loglevel", "WARNING")
        await asyncio.sleep(0.5)
        self._processes.append(self._children.start((*worker, *more), log=self._folder / "worker.log"))
        await asyncio.to_thread(self._group, [("http://127.0.0.1:9", "nobody")], START_SECONDS)

    def _group(self, accounts: Sequence[Account], seconds: float) -> None:
        from celery import group

        from bench.rivals.celery_tasks import app, post

        app.conf.update(broker_url=os.environ["BENCH_REDIS"], result_backend=os.environ["BENCH_REDIS"])
        text = uuid.uuid4().hex
        tasks: Any = group(post.s(url, token, text) for url, token in accounts)
        tasks.apply_async().join(timeout=seconds, propagate=len(accounts) > 1)

    async def post(self, accounts: Sequence[Account]) -> float:
        """Queue a task for each account; return the seconds until all results are there."""
        began = time.perf_counter()
        await asyncio.to_thread(self._group, accounts, 300.0)
        return time.perf_counter() - began

    def stop(self) -> None:
        """End worker and Redis."""
        while self._processes:
            self._children.kill(self._processes.pop())
