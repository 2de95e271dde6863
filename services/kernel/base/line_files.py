"""Files of lines: added to durably, and read forwards, backwards and while another process writes.

A line is complete with its line feed. What is after the last one is a line that a crash tore: nobody was told that
it is stored, so a reader leaves it out and the next writer takes it away.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from services.kernel.base.files import flush_folder

_BLOCK = 262_144
_WINDOW = 16 << 20


class ForeignWrite(OSError):
    """Another program wrote into a file that only its one writer may write."""


class GrowingFile:
    """A file to which its one writer adds complete lines, each batch durable when ``add`` returns.

    ``size`` is in bytes; ``cut`` is the number of bytes of a torn last line that were taken away when it was opened.
    """

    def __init__(self, path: Path) -> None:
        """Open it for adding, and make it if it is not there; raises OSError."""
        self.path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size, self.cut = sizes(path)
        if self.cut:
            os.ftruncate(self._handle, self.size)
        os.fsync(self._handle)
        flush_folder(path.parent)

    def add(self, lines: bytes) -> None:
        """Append complete lines and flush them; when that fails, nothing of them stays.

        Raises:
            ForeignWrite: the file is not as this writer left it; nothing was written.
            OSError: the disk did not take them.
        """
        if os.fstat(self._handle).st_size != self.size:
            raise ForeignWrite(f"{self.path} was changed by another program while in use")
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, self.size)  # nobody was told that they are stored, so they may go
            raise
        self.size += len(lines)

    def close(self) -> None:
        """Close the file."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1


def sizes(path: Path) -> tuple[int, int]:
    """Return how many bytes the complete lines of a file have, and how many stand after them; 0 for a missing file."""
    if not path.exists():
        return 0, 0
    with path.open("rb") as file:
        end = size = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _BLOCK)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                complete = start + found + 1
                return complete, size - complete
            end = start
    return 0, size


def complete_lines(path: Path, size: int | None = None, start: int = 0) -> Iterator[bytes]:
    """Yield the complete lines, each with its line feed, from the offset ``start`` up to ``size`` bytes.

    Nothing for a missing file; without ``size``, up to where the file ends when the reading begins.
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


def lines_backwards(path: Path, size: int | None = None) -> Iterator[bytes]:
    """Yield complete lines, the last one first, up to ``size`` bytes, without the whole file in memory."""
    whole = sizes(path)[0] if size is None else size
    if whole <= 0 or not path.exists():
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


def last_line(path: Path, size: int | None = None) -> bytes | None:
    """Return the last complete line, with its line feed, or None."""
    return next(lines_backwards(path, size), None)


def count_lines(path: Path) -> int:
    """Return the number of complete lines; 0 where there is no file."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def lines_with(path: Path, mark: bytes, window: int = _WINDOW, start: int = 0) -> Iterator[bytes]:
    """Yield the complete lines that hold some bytes; the others are passed over at the speed of the memory.

    From the offset ``start`` on, where a line begins. ``window`` bytes are in memory at once.
    """
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        size = len(held)
        while start < size:
            stop = min(size, start + window)
            at = held.find(mark, start, min(size, stop + len(mark) - 1))
            if at < 0:
                start = stop
                held.madvise(mmap.MADV_DONTNEED, 0, start // mmap.PAGESIZE * mmap.PAGESIZE or mmap.PAGESIZE)
                continue
            begin, end = held.rfind(b"\n", 0, at) + 1, held.find(b"\n", at)
            if end < 0:
                return
            yield held[begin : end + 1]
            start = end + 1
