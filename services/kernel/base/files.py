"""Files that survive a crash or a power cut whole, and locks on files that end with their holder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from filelock import lock_descriptor

_COUNTER = iter(range(1 << 62))


MOST_READ_BYTES = 1024 * 1024
_WRITER_SECONDS = 5.0


def read_file(path: Path, most: int = MOST_READ_BYTES) -> bytes:
    """Return what a small file holds; what is no file, or endless, makes nobody wait for ever.

    A pipe that nobody has open to write to is empty; who has is waited for, 5 s at a time.

    Args:
        path: the file.
        most: the bytes that it may have.

    Raises:
        OSError: it cannot be read, or has more (EFBIG).
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    found = bytearray()
    try:
        while len(found) <= most:
            try:
                piece = os.read(handle, MOST_READ_BYTES)
            except BlockingIOError:
                if not select.select([handle], [], [], _WRITER_SECONDS)[0]:
                    raise TimeoutError(errno.ETIMEDOUT, "nobody writes to this pipe", str(path)) from None
                continue
            if not piece:
                return bytes(found)
            found += piece
    finally:
        os.close(handle)
    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file by new content so that a reader, or a crash, sees the old or the new and nothing between.

    Raises:
        OSError: the disk is full or not writable; the old file stands as it was.
    """
    make_folder(path.parent)
    write_unflushed(path, content, mode)
    flush_folder(path.parent)


def replace_content(path: Path, content: bytes, mode: int | None = None) -> None:
    """Do as ``write_atomically`` with a file that others read: its owner, and a link to it, stay as they were.

    Args:
        path: the file. A new one belongs to its folder's owner where root writes it.
        content: the new content.
        mode: the file's mode, whatever the umask is; None: as it was, 0644 for a new file.

    Raises:
        OSError: as ``write_atomically``, or the file's owner cannot be kept.
    """
    path = path.resolve()
    make_folder(path.parent)
    known = path.exists()
    like = path.stat() if known else path.parent.stat()
    if mode is None:
        mode = stat.S_IMODE(like.st_mode) if known else 0o644
    owner = (like.st_uid, like.st_gid) if known or os.geteuid() == 0 else (-1, -1)
    _write_beside(path, content, mode, owner)
    flush_folder(path.parent)


def write_unflushed(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Do as ``write_atomically``, but leave flushing the folder to the caller, who writes many files into it."""
    _write_beside(path, content, mode, None)


@contextlib.contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Yield a file whose content takes the place of another when the block ends, as ``write_atomically`` has it.

    Raises:
        OSError: as ``write_atomically``.
    """
    make_folder(path.parent)
    with _beside(path, mode, None) as file:
        yield file
    flush_folder(path.parent)


def _write_beside(path: Path, content: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    with _beside(path, mode, owner) as file:
        file.write(content)


@contextlib.contextmanager
def _beside(path: Path, mode: int, owner: tuple[int, int] | None) -> Iterator[BinaryIO]:
    beside = path.parent / f".{path.name}.{os.getpid()}-{next(_COUNTER)}.tmp"
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "wb") as file:
            if owner is not None:
                os.fchown(handle, *owner)
                os.fchmod(handle, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
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


class ExclusiveLock:
    """A lock on a file that is there for nothing else. The kernel lets go of it when its holder ends, however it ends.

    ``handle`` is the open descriptor: a child process that inherits it holds the lock as long as it lives.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self.held = False

    def take(self, *, wait: bool = False) -> bool:
        """Take the lock if it is free, or once it is; return whether it is held now. Raises OSError."""
        self.held = self.held or lock_descriptor(self.handle, blocking=wait)
        return self.held

    def close(self) -> None:
        """Let go of the lock."""
        if self.handle >= 0:
            os.close(self.handle)
        self.handle, self.held = -1, False


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file exclusively; other processes and threads wait."""
    lock = ExclusiveLock(path)
    try:
        lock.take(wait=True)
        yield
    finally:
        lock.close()


def is_locked(path: Path) -> bool:
    """Return whether anybody holds a lock file at this moment; it need not be writable, and is never made."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared, so that two who look do not see each other; whoever wants to keep such a lock tries more than once.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)
