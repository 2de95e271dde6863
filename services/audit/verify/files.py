"""The files of an audit folder, and reading them while another process adds to them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

LEDGER = "ledger.jsonl"
CHECKPOINTS = "checkpoints.jsonl"
ALARMS = "alarms.jsonl"
LOCK = "lock"


def complete_lines(path: Path, size: int | None = None) -> Iterator[bytes]:
    """Yield the lines that end in a line feed, with it, up to ``size`` bytes; nothing for a missing file."""
    if not path.exists():
        return
    left = path.stat().st_size if size is None else size
    with path.open("rb") as file:
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


def count_lines(path: Path) -> int:
    """Return the number of complete lines."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


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
