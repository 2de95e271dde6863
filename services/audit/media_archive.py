"""Keeps a copy of the pictures that requests name, so that a restored city has those that are still to be posted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from schemas import canonical
from services.audit.record.format import LedgerEntry
from services.audit.record.media import picture_path, pictures_of, read_picture
from services.audit.record.violation import Violation
from services.kernel.base.files import write_atomically
from services.kernel.ledger.client import Ledger


class MediaArchive:
    """The pictures of one audit folder. What is on disk and whole was looked at once, and is not read again."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder, self._ledger = folder, ledger
        self._whole: set[str] = set()

    async def keep(self, entries: Sequence[LedgerEntry]) -> list[tuple[int, str]]:
        """Have all pictures that entries name on disk; return the sequence and hash of those that are nowhere.

        Raises:
            OSError: the disk does not take them.
            Unreachable: the broker does not answer.
        """
        named = [(entry.seq, sha256) for entry in entries for sha256 in pictures_of(entry)]
        return [one for one in named if one[1] not in self._whole and not await self._fetch(one[1])]

    async def _fetch(self, sha256: str) -> bool:
        # In a thread: a disk that is slow, and megabytes to be hashed, hold up nobody else's work.
        if await asyncio.to_thread(read_picture, self._folder, sha256) is None:
            try:
                raw = await self._ledger.get_media(sha256)
            except LookupError:
                return False
            assert canonical.sha256(raw) == sha256  # get_media has looked
            await asyncio.to_thread(write_atomically, picture_path(self._folder, sha256), raw, mode=0o600)
        self._whole.add(sha256)
        return True

    def forget(self) -> None:
        """Check each picture's bytes again the next time."""
        self._whole.clear()


def picture_lost(seq: int, sha256: str) -> Violation:
    """Return the alarm for a picture that a request names and that neither broker nor copy has."""
    return Violation(seq, "media.missing", f"The picture {sha256} that the request names is nowhere.")
