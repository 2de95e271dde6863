"""A service's watch over the ledger: while the ledger is doubted, nothing is accepted, decided or posted here.

Doubt comes from the service's own eyes (an ack at a sequence that stood already, the fan-out's anchor), from what
the stream says of itself, and from the audit service, which compares everything. The first lasts until a person has
mended the ledger and started the service again; the others end when the audit service says that all is sound.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

from schemas import canonical, flow
from schemas.events.audit import LedgerStanding
from services.kernel.base.city import City
from services.kernel.base.errors import Unproven
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.integrity import (
    DOUBT_CODE,
    MEND,
    Anchor,
    LedgerDoubted,
    anchor_fault,
    doubt_of,
    read_anchor,
    shape_fault,
)
from services.kernel.projection.projection import Projection

ANCHOR_SECONDS = 1.0
"""How often the newest entry is written into the anchor's file."""

LOOKS_BETWEEN = 10
"""The stream's own count is looked at each so many anchors."""


class Watched(NamedTuple):
    """Whose ledger is watched, and what is known of it."""

    row: flow.Service
    city: City
    ledger: Ledger
    projection: Projection
    log: Any


class LedgerWatch:
    """One service instance's watch.

    ``anchor``: the file that remembers the newest entry, for who posts. ``judges_itself``: the audit service, which
    compares with the copy, takes nobody's word, and works on a ledger in any state.
    """

    def __init__(self, runtime: Watched) -> None:
        self._runtime = runtime
        self.anchor: Path | None = runtime.city.ledger_seen_path if runtime.row.posts else None
        self.judges_itself = bool(runtime.row.name == "audit")
        self._own: LedgerDoubted | None = None
        self._shape: LedgerDoubted | None = None
        self._told: LedgerDoubted | None = None
        self._vouched = False
        self.heard: LedgerStanding | None = None
        self._written: tuple[int, str] = (0, "")

    @property
    def trouble(self) -> str | None:
        """Return what the heartbeat says of it."""
        doubt = self._runtime.ledger.doubt
        return None if doubt is None else f"holds everything back: {doubt.message}"

    async def begin(self) -> None:
        """Look before any work is taken up; raises Unreachable when the ledger cannot be asked."""
        if self.judges_itself:
            return
        await self._look_at_shape()
        if self.anchor is not None:
            await self._look_at_anchor(self.anchor)
        self._settle()

    def heed(self, doubt: LedgerDoubted | None) -> None:
        """Hold everything back for good where the ledger lacks what this service has seen."""
        self._own = self._own or doubt
        self._settle()

    def refuse_new_beginning(self) -> None:
        """Refuse to begin an empty ledger anew where a second copy shows that it had begun before.

        Raises:
            Unproven: ``ledger.lost``.
        """
        record = self._runtime.city.record_path
        if record.is_file() and record.stat().st_size:
            raise Unproven(
                "ledger.lost",
                f"the ledger is empty, and its second copy is not ({record}): it is not begun anew",
                "onevoice audit restore brings it back",
            )

    async def on_standing(self, event: LedgerStanding) -> None:
        """Hear what the audit service's comparison came to."""
        self.heard = event
        if event.standing == "comparing" or self.judges_itself:
            return
        self._told = doubt_of(event)
        self._vouched = self._told is None
        if self._vouched:
            self._shape = None
        self._settle()

    async def keep(self) -> None:
        """Go on looking, and keep the anchor."""
        looks = 0
        while not self.judges_itself:
            await asyncio.sleep(ANCHOR_SECONDS)
            looks += 1
            if looks % LOOKS_BETWEEN == 0:
                await self._look_at_shape()
            self._settle()
            if self.anchor is not None:
                await self._write_anchor(self.anchor)

    async def _look_at_shape(self) -> None:
        fault = shape_fault(await self._runtime.ledger.shape())
        if fault is None:
            self._shape = None
        elif not self._vouched:
            self._shape = LedgerDoubted(DOUBT_CODE, f"{fault}: entries were lost", MEND)

    async def _look_at_anchor(self, path: Path) -> None:
        ledger = self._runtime.ledger
        try:
            anchor = await asyncio.to_thread(read_anchor, path)
        except LedgerDoubted as error:
            self._own = error
            return
        if anchor is None:
            return
        found = await ledger.get(anchor.seq)
        self._own = anchor_fault(anchor, canonical.sha256(found.data) if found else None)
        if anchor.doubt:
            self._told = LedgerDoubted(DOUBT_CODE, anchor.doubt, MEND)
        ledger.highest = max(ledger.highest, anchor.seq)

    async def _write_anchor(self, path: Path) -> None:
        newest, doubt = self._runtime.projection.newest, self._told.message if self._told else ""
        if newest is None or self._own is not None or (newest.seq, doubt) == self._written:
            return
        await asyncio.to_thread(Anchor(newest.seq, canonical.sha256(newest.data), doubt).write, path)
        self._written = (newest.seq, doubt)

    def _settle(self) -> None:
        """Bring the ledger's doubt up to date; what was seen by our own eyes stays."""
        ledger, log = self._runtime.ledger, self._runtime.log
        if ledger.doubt is not None and ledger.doubt not in (self._shape, self._told):
            self._own = self._own or self._unless_heard(ledger.doubt)
        before, ledger.doubt = ledger.doubt, self._own or self._told or self._shape
        if ledger.doubt is not None and before is None:
            log.error("holds everything back", code=ledger.doubt.code, error=ledger.doubt.message)
        elif ledger.doubt is None and before is not None:
            log.warning("the ledger is vouched for again: going on")

    @staticmethod
    def _unless_heard(doubt: LedgerDoubted) -> LedgerDoubted | None:
        """Return a doubt that an append raised; one that was only heard may pass."""
        return doubt if doubt.code != DOUBT_CODE else None
