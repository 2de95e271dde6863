"""Files that are whole or not there: written beside their place, flushed to the disk, moved, the folder flushed too."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_COUNTER = iter(range(1 << 62))


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file by new content so that a reader, or a crash, sees the old or the new and nothing between.

    Raises:
        OSError: the disk is full or not writable; the old file stands as it was.
    """
    make_folder(path.parent)
    write_unflushed(path, content, mode)
    flush_folder(path.parent)


def write_unflushed(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Do as ``write_atomically``, but leave flushing the folder to the caller, who writes many files into it."""
    beside = path.parent / f".{path.name}.{os.getpid()}-{next(_COUNTER)}.tmp"
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing, so that they outlive a power cut."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Flush a folder's own entries to the disk, so that a file that was moved into it outlives a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file exclusively; other processes and threads wait. It ends with its process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
