"""Services as real processes, to be killed, stopped and woken; a fork server keeps the imports for quick starts."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

from schemas import flow
from services.kernel.base.crashpoints import VARIABLE

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [__name__, "services.kernel.runtime.run", *(f"services.{row.name}.wiring" for row in flow.SERVICES)]
)
START_SECONDS = 60.0


def _be(names: list[str], folder: str, url: str, log: str, crash_at: str, owner: int) -> None:
    """Be ``onevoice run`` of these services, with the log in a file and crash points armed, while the owner lives."""
    threading.Thread(target=_end_with, args=(owner,), daemon=True).start()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.environ[VARIABLE] = crash_at
    from services.kernel.runtime.run import run_until_stopped

    sys.exit(run_until_stopped(names, Path(folder), "live", url))


def _end_with(owner: int) -> None:
    """A fork server keeps its children when the test that asked for them is killed: they look for themselves."""
    while True:
        time.sleep(2.0)
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            os._exit(1)


class ServiceProcess:
    """One process with one service or several. ``log`` is its log file."""

    def __init__(self, names: tuple[str, ...], folder: Path, url: str, log: Path, crash_at: str = "") -> None:
        self.names = names
        self.log = log
        log.touch()
        self._process: BaseProcess = _FORKS.Process(
            target=_be, args=(list(names), str(folder), url, str(log), crash_at, os.getpid()), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """True while it runs or is stopped."""
        return self._process.is_alive()

    @property
    def ended(self) -> int | None:
        """Its exit status, negative for a signal, None while it lives."""
        return self._process.exitcode

    def cpu_seconds(self) -> float:
        """The processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_stopped(self) -> bool:
        """True while it is held by SIGSTOP."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def said(self, words: str) -> int:
        """How many lines of its log have these words."""
        return sum(words in line for line in self.log.read_text(errors="replace").splitlines())

    async def until_ready(self, *, or_dead: bool = False) -> None:
        """Wait until each of its services has taken up work, or until its end where that will do."""
        for _ in range(int(START_SECONDS / 0.05)):
            if self.said(" ready ") >= len(self.names):
                return
            if not self.alive:
                if or_dead:
                    return
                break
            await asyncio.sleep(0.05)
        raise AssertionError(f"{self.names} did not get ready:\n{self.log.read_text(errors='replace')[-4000:]}")

    async def until_dead(self, seconds: float = 30.0) -> bool:
        """Wait for its end; False when it lives on."""
        await asyncio.to_thread(self._process.join, seconds)
        return not self.alive

    async def until_stopped(self, seconds: float = 30.0) -> bool:
        """Wait until it holds still at a crash point; False when it does not."""
        for _ in range(int(seconds / 0.02)):
            if self.is_stopped():
                return True
            await asyncio.sleep(0.02)
        return False

    def signal(self, number: int) -> None:
        """Send a signal, if it lives."""
        if self.alive:
            os.kill(self.pid, number)

    async def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)
        await self.until_dead()

    async def end(self) -> int | None:
        """Ask it to stop, finishing what is in hand; return its exit status."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if not await self.until_dead(40.0):
            await self.kill()
        return self.ended
