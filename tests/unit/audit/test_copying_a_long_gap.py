"""What copies the ledger keeps little in memory, however much is to be copied, and keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from schemas import canonical
from schemas.events.requests import Picture, PlatformContent, Rendering
from services.audit.copy_plan import SealRule
from services.audit.ledger_copier import CHUNK, LedgerCopier
from services.audit.media_archive import MediaArchive
from services.audit.record.media import picture_path
from services.kernel.base.clock import ManualClock
from services.kernel.ledger.entry import Entry
from tests.unit.fanout.world import NOW, request


class Headers(dict[str, str]):
    """Headers that can be counted while anybody holds their entry."""


class LongLedger:
    """A ledger of many entries; ``held``: how many of those that it gave are still held by somebody."""

    def __init__(self, length: int) -> None:
        self.length, self.held = length, 0

    async def shape(self) -> Any:
        return SimpleNamespace(last=self.length)

    async def get_many(self, seqs: Sequence[int]) -> list[Entry]:
        return [self._entry(seq) for seq in seqs]

    def _entry(self, seq: int) -> Entry:
        headers = Headers()
        self.held += 1
        weakref.finalize(headers, self._let_go)
        return Entry(seq, "ledger.seal", NOW, b"{}", headers)

    def _let_go(self) -> None:
        self.held -= 1


class Writer:
    """A record that counts what was written."""

    def __init__(self, ledger: LongLedger) -> None:
        self.last_seq, self.most, self._ledger = 0, 0, ledger

    def append(self, chunk: Sequence[Entry]) -> None:
        self.most = max(self.most, self._ledger.held)
        self.last_seq = chunk[-1].seq

    def seal(self, _now: Any) -> None:
        return None


async def test_a_lost_copy_is_made_again_at_once_and_in_little_memory() -> None:
    """A million entries in one dict had the audit service killed for want of memory, and `onevoice up` with it."""
    ledger: Any = LongLedger(20 * CHUNK)
    writer = Writer(ledger)

    async def on_disk(work: Any) -> Any:
        return work()

    runtime: Any = SimpleNamespace(ledger=ledger, clock=ManualClock(NOW))
    record: Any = SimpleNamespace(writer=writer, on_disk=on_disk)
    archive = MediaArchive(Path(), ledger)
    copier = LedgerCopier(runtime, record, archive, SealRule(), lambda _what: None)
    await copier.catch_up()
    assert writer.last_seq == 20 * CHUNK
    assert writer.most <= 2 * CHUNK


async def test_pictures_are_read_while_others_go_on(tmp_path: Path) -> None:
    pictures = [f"picture {number}".encode() for number in range(20)]
    picture_path(tmp_path, "").mkdir(parents=True)
    for raw in pictures:
        picture_path(tmp_path, canonical.sha256(raw)).write_bytes(raw)
    shown = tuple(
        Picture(sha256=canonical.sha256(raw), media_type="image/png", alt="A picture.") for raw in pictures[:4]
    )
    content = PlatformContent(platform="mastodon", parts=("So.",), created_at=NOW, pictures=shown)
    of = request(renderings=(Rendering.of(content),))
    entry = Entry(1, f"ledger.request.{of.request_id}", NOW, of.to_bytes(), {})
    nobody: Any = None
    archive = MediaArchive(tmp_path, nobody)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    assert await archive.keep([entry]) == []
    beside.cancel()
    assert turns >= len(shown)
