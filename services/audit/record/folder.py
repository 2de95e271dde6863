"""The files of an audit folder, and its lock: one process writes there at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.kernel.base.errors import BadInput
from services.kernel.base.files import ExclusiveLock, is_locked

LEDGER = "ledger.jsonl"
CHECKPOINTS = "checkpoints.jsonl"
ALARMS = "alarms.jsonl"
CLOSED = "alarms-closed.jsonl"
LOCK = "lock"
MEDIA = "media"


def writers_lock(folder: Path) -> ExclusiveLock:
    """Return the lock that whoever writes into an audit folder holds; it is not taken yet."""
    return ExclusiveLock(folder / LOCK)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that no audit service writes while the block runs.

    Raises:
        BadInput: ``audit.running``, one holds it.
    """
    lock = writers_lock(folder)
    try:
        if not lock.take():
            raise BadInput("audit.running", f"an audit service writes {folder}", "stop the services first")
        yield
    finally:
        lock.close()


def is_being_written(folder: Path) -> bool:
    """Return whether an audit service holds the folder's lock at this moment."""
    return is_locked(folder / LOCK)
