"""The bench's child processes: they all end with it, however it ends, and nothing else is ever stopped."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
ONEVOICE = (sys.executable, "-m", "services.desk")


class Children:
    """All processes that were started here."""

    def __init__(self) -> None:
        self._living: list[subprocess.Popen[str]] = []

    def start(
        self,
        arguments: tuple[str, ...],
        *,
        log: Path | None = None,
        stdout: int | IO[str] | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> subprocess.Popen[str]:
        """Start a process; what it says goes to the log, or nowhere."""
        out: Any = log.open("a", encoding="utf-8") if log else subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=out if stdout is None else stdout,
                stderr=out,
                text=True,
                env={**os.environ, **(environment or {})},
                cwd=folder,
                preexec_fn=_die_with_parent,
            )
        finally:
            if log:
                out.close()
        self._living.append(process)
        return process

    def stop(self, process: subprocess.Popen[str], seconds: float = 30.0) -> None:
        """Ask it to end (SIGINT), wait, and kill it only when it does not listen."""
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGINT)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()
        if process in self._living:
            self._living.remove(process)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """End it at once: what it has in hand is of no interest any more."""
        process.kill()
        process.wait()
        self.stop(process)

    def stop_all(self) -> None:
        """End what still lives, the newest first."""
        for process in reversed(self._living.copy()):
            self.stop(process, seconds=15.0)


def _die_with_parent() -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def run(arguments: tuple[str, ...], *, seconds: float = 120.0, statuses: tuple[int, ...] = (0,)) -> str:
    """Run a command to its end and return what it printed; raises RuntimeError with its words when it fails."""
    done = subprocess.run(
        arguments, capture_output=True, text=True, timeout=seconds, check=False, preexec_fn=_die_with_parent
    )
    if done.returncode not in statuses:
        raise RuntimeError(f"exit {done.returncode}: {(done.stdout + done.stderr).strip()[-300:]}")
    return done.stdout


def seconds_of(arguments: tuple[str, ...]) -> float:
    """Run a command and return how long it took."""
    began = time.perf_counter()
    run(arguments)
    return time.perf_counter() - began


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its descendants have used."""
    ticks = 0
    for one in tree(pid):
        fields = _stat(one)
        ticks += int(fields[11]) + int(fields[12]) if fields else 0
    return ticks / _CLOCK_TICKS


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process and its descendants."""
    total = 0
    for one in tree(pid):
        fields = _stat(one)
        total += int(fields[21]) if fields else 0
    return total * _PAGE / 1_048_576


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name; none when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []
