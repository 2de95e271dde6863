"""A credential that a secret manager's command prints: run without a shell, 5 s at most, and asked for once a minute.

What the command writes on standard error is thrown away: it may hold the secret, and nobody reads it anyway.
"""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import stat
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from services.kernel.base.clock import monotonic

SECONDS = 5.0
"""How long a command may take: a third of what an attempt has for its platform call."""

KEPT_SECONDS = 60.0
"""How long what it printed is used again, so that a rotated credential is found within a minute."""

FAILED_SECONDS = 5.0
"""How long a failure stands, so that all profiles behind one command do not wait for it one after the other."""

_LONGEST = 16_384


class CommandFault(Exception):
    """The command gave nothing; the message says why, without what it printed."""


class _Kept:
    """What one command gave last, or why it gave nothing (an exception); it counts until ``until``."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.until = 0.0
        self.gave: str | CommandFault = ""


class TokenCommands:
    """Commands, and what each gave a moment ago; one that runs longer than ``seconds`` is ended."""

    def __init__(self, clock: Callable[[], float] = monotonic, seconds: float = SECONDS) -> None:
        self._clock, self._seconds = clock, seconds
        self._kept: dict[str, _Kept] = {}

    def known(self, words: str) -> str | None:
        """Return what a command printed a moment ago; None where it has to be run."""
        kept = self._kept.get(words)
        return kept.gave if kept is not None and isinstance(kept.gave, str) and self._clock() < kept.until else None

    def printed_by(self, words: str) -> str:
        """Return what a command prints, without the white space round it; who asks meanwhile waits for the same run.

        Args:
            words: the whole path of a program and its arguments, in words as a shell splits them; nothing is expanded.

        Raises:
            CommandFault: it cannot be run, or not safely; it failed, or took too long.
        """
        kept = self._kept.setdefault(words, _Kept())
        with kept.lock:
            if self._clock() >= kept.until:
                try:
                    kept.gave, kept.until = _run(_split(words), self._seconds), self._clock() + KEPT_SECONDS
                except CommandFault as fault:
                    kept.gave, kept.until = fault, self._clock() + FAILED_SECONDS
            if isinstance(kept.gave, CommandFault):
                raise CommandFault(str(kept.gave))
            return kept.gave


COMMANDS = TokenCommands()
"""The process's own: what one call learned, all others know."""


def _split(words: str) -> list[str]:
    try:
        call = shlex.split(words)
    except ValueError as error:
        raise CommandFault("the command's words cannot be told apart: a quotation mark is not closed") from error
    if not call or not Path(call[0]).is_absolute():
        raise CommandFault("the command is named without its whole path")
    _refuse_unsafe(Path(call[0]))
    return call


def _refuse_unsafe(program: Path) -> None:
    """Refuse a program that somebody else could replace: it, and each folder above it, are its owner's to write."""
    try:
        real = program.resolve(strict=True)
        for path in (real, *real.parents, *program.parents):
            found = path.stat()
            sticky = path != real and found.st_mode & stat.S_ISVTX  # there only owners replace what is theirs
            if found.st_uid not in (0, os.geteuid()):
                raise CommandFault(f"{path} belongs to another user than root and the service's")
            if found.st_mode & 0o022 and not sticky:
                raise CommandFault(f"{path} can be written by others (mode {stat.S_IMODE(found.st_mode):04o})")
    except (OSError, RuntimeError) as error:
        raise CommandFault(f"there is no program {program.name[:80]}, or it cannot be looked at") from error
    if not real.is_file() or not os.access(real, os.X_OK):
        raise CommandFault(f"{program} is no program that may be run here")


def _run(call: list[str], seconds: float) -> str:
    name = Path(call[0]).name[:80]
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell; who may write the credential's file names the program
            call, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except (OSError, ValueError) as error:
        raise CommandFault(f"the command {name} cannot be run: {getattr(error, 'strerror', None) or 'a NUL'}") from None
    deadline = monotonic() + seconds
    try:
        out = _read(process, deadline)
        status = process.wait(max(0.0, deadline - monotonic()))
    except subprocess.TimeoutExpired:
        _end(process)
        raise CommandFault(f"the command {name} took longer than {seconds:g} s") from None
    except BaseException:
        _end(process)
        raise
    if status != 0:
        raise CommandFault(f"the command {name} ended with status {status}")
    return out.decode("ascii", "replace").strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it started; one that runs as another user is left to itself."""
    with suppress(ProcessLookupError, PermissionError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGKILL)  # nobody has waited for it yet, so the number is still its own
        process.wait(1.0)


def _read(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """Return what a process prints until it closes its output; raises TimeoutExpired, CommandFault for too much."""
    assert process.stdout is not None
    out = b""
    with process.stdout as printed, selectors.DefaultSelector() as selector:
        selector.register(printed, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - monotonic())):
            block = os.read(printed.fileno(), _LONGEST)
            if not block:
                return out
            out += block
            if len(out) > _LONGEST:
                raise CommandFault("the command printed more than a credential")
    raise subprocess.TimeoutExpired(process.args, max(0.0, deadline - monotonic()))
