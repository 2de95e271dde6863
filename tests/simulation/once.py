"""What is pure is computed once in a process: the same bytes are parsed once, the same signature is checked once.

Contracts are frozen, so that all simulated processes may share them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from unittest import mock

from schemas.events.base import Contract
from services.kernel.authority import signing
from services.kernel.ledger.integrity.high_water import HighWaterMark
from services.kernel.projection.snapshot import Snapshot

MOST = 20_000


class Read(dict[tuple[type[Contract], bytes], Any]):
    """Contracts by their type and bytes; forgets all when it is full."""

    def keep(self, kind: type[Contract], raw: bytes, read: Any) -> None:
        """Keep what was read, if the same contract comes of the same bytes again."""
        if len(self) >= MOST:
            self.clear()
        self[kind, raw] = read


READ = Read()


def _from_bytes(cls: type[Contract], raw: bytes) -> Any:
    known = READ.get((cls, raw))
    if known is None:
        known = _REAL(cls, raw)
        READ.keep(cls, raw, known)
    return known


_REAL: Any = Contract.from_bytes.__func__  # type: ignore[attr-defined]


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """Share what is read, while one world plays."""
    with (
        mock.patch.object(Snapshot, "write", lambda self, path: setattr(path, "raw", self.to_bytes())),
        mock.patch.object(HighWaterMark, "write", lambda self, path: setattr(path, "raw", self.to_bytes())),
        mock.patch.object(Contract, "from_bytes", classmethod(_from_bytes)),
    ):
        yield


def remember_signatures() -> None:
    """The same signature over the same bytes is checked once in a process, not once for each fold."""
    if not hasattr(signing._good, "cache_info"):
        signing._good = lru_cache(maxsize=100_000)(signing._good)
