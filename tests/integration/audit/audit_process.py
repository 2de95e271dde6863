"""A real audit process, to be killed at will. A fork server keeps the imports, so that each start is quick."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__, "services.audit.wiring", "services.kernel.runtime.run"])


def run_audit(folder: str, url: str, log: str) -> None:
    """Be ``python -m services.audit --city folder --url url``, with the log in a file."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    from services.kernel.runtime.run import run_until_stopped

    sys.exit(run_until_stopped(["audit"], Path(folder), "live", url))


class AuditProcess:
    """One audit process; its log lines are in ``log``."""

    def __init__(self, folder: Path, url: str, name: str) -> None:
        self.log = folder / f"{name}.log"
        self.log.touch()
        self._process: BaseProcess = _FORKS.Process(
            target=run_audit, args=(str(folder), url, str(self.log)), daemon=True
        )
        self._process.start()

    def said(self, words: str) -> bool:
        return words in self.log.read_text(errors="replace")

    async def until_said(self, words: str, seconds: float = 90) -> None:
        for _ in range(int(seconds / 0.05)):
            if self.said(words):
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"{words!r} was not said in:\n{self.log.read_text(errors='replace')[-4000:]}")

    async def end(self, number: int = signal.SIGTERM) -> int | None:
        if self._process.is_alive() and self._process.pid:
            os.kill(self._process.pid, number)
        await asyncio.to_thread(self._process.join, 90)
        return self._process.exitcode
