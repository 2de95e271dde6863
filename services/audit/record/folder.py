"""The files of an audit folder, and reading them while another process adds to them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.kernel.base.errors import BadInput

LEDGER = "ledger.jsonl"
CHECKPOINTS = "checkpoints.jsonl"
ALARMS = "alarms.jsonl"
CLOSED = "alarms-closed.jsonl"
LOCK = "lock"
MEDIA = "media"

_BLOCK = 262_144


def complete_lines(path: Path, size: int | None = None, start: int = 0) -> Iterator[bytes]:
    """Yield the lines that end in a line feed, with it, up to ``size`` bytes; nothing for a missing file.

    ``start`` is the offset where the first of them begins.
    """
    if not path.exists():
        return
    left = (path.stat().st_size if size is None else size) - start
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            left -= len(line)
            if left < 0 or not line.endswith(b"\n"):
                return
            yield line


def torn_bytes(path: Path) -> int:
    """Return how many bytes stand after the last line feed."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        end = size = file.seek(0, 2)
        while end > 0:
            start = max(0, end - 65_536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return size - (start + found + 1)
            end = start
        return size


def last_line(path: Path) -> bytes | None:
    """Return the last complete line, or None."""
    newest = None
    if path.exists():
        size = path.stat().st_size
        with path.open("rb") as file:
            reach = 65_536
            while newest is None and size:
                start = max(0, size - reach)
                file.seek(start)
                block = file.read(size - start)
                block = block[: block.rfind(b"\n") + 1]
                head = block.rfind(b"\n", 0, -1)
                if block and (head >= 0 or start == 0):
                    newest = block[head + 1 :]
                if start == 0:
                    break
                reach *= 8
    return newest


def lines_backwards(path: Path, size: int | None = None) -> Iterator[bytes]:
    """Yield complete lines, the last one first, up to ``size`` bytes, without the whole file in memory."""
    if not path.exists():
        return
    whole = path.stat().st_size if size is None else size
    whole -= torn_bytes(path) if size is None else 0
    if whole <= 0:
        return
    rest, end = b"", whole - 1
    with path.open("rb") as file:
        while end > 0:
            start = max(0, end - _BLOCK)
            file.seek(start)
            rest, *lines = (file.read(end - start) + rest).split(b"\n")
            end = start
            for line in reversed(lines):
                yield line + b"\n"
    yield rest + b"\n"


def count_lines(path: Path) -> int:
    """Return the number of complete lines."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that no audit service writes while the block runs.

    Raises:
        BadInput: ``audit.running``, one holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInput("audit.running", f"an audit service writes {folder}", "stop the services first") from error
        yield
    finally:
        os.close(handle)


def is_being_written(folder: Path) -> bool:
    """Return whether an audit service holds the folder's lock at this moment."""
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)
