"""The command on a terminal of its own, whose Ctrl-C reaches it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
import time

from tests.cli.conftest import ONEVOICE, Shell
from tests.support.mission import PATIENCE


def ask(
    city: Shell, words: list[str], prompt: str, stdin: int | None = None
) -> tuple[int, subprocess.Popen[bytes], str]:
    """Start a command, and return the terminal, the process and what was said once it asks.

    ``stdin``: where its standard input comes from, if not from the terminal.
    """
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*ONEVOICE, *words],
        env={**city.env, "TERM": "xterm-256color", "COLUMNS": "80"},
        stdin=follower if stdin is None else stdin,
        stdout=follower,
        stderr=follower,
        preexec_fn=lambda: _take(follower),
    )
    os.close(follower)
    said, deadline = "", time.monotonic() + PATIENCE
    while prompt not in said:
        assert time.monotonic() < deadline, said
        assert process.poll() is None, said + read(leader, 1)
        said += read(leader, 0.2)
    return leader, process, said


def read(leader: int, seconds: float, process: subprocess.Popen[bytes] | None = None) -> str:
    """Return what is shown within so many seconds, or until the process ends."""
    said, end = "", time.monotonic() + seconds
    while time.monotonic() < end and (process is None or process.poll() is None):
        if select.select([leader], [], [], 0.1)[0]:
            try:
                said += os.read(leader, 65_536).decode(errors="replace")
            except OSError:
                break
    return said


def _take(follower: int) -> None:
    os.setsid()
    fcntl.ioctl(follower, termios.TIOCSCTTY, 0)
