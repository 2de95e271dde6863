"""Follows the posts that did not come through the gate, from the ledger's begin, and shows them with their evidence."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator

from schemas import subjects
from schemas.events.desk import BoardQuery, BoardReply
from schemas.events.outside import Acknowledgement, OutsidePost, OutsideView
from services.board.domain.outside_book import OutsideBook, answered
from services.kernel.base.errors import BadInput
from services.kernel.fold.ledger_fold import Applied
from services.kernel.fold.reading import parse
from services.kernel.ledger.entry import Entry
from services.kernel.measures.catalogue import Measure
from services.kernel.runtime.service import Runtime

MAX_SHOWN = 500
_KINDS = frozenset({"outside", "acknowledgement"})
_LIST = "onevoice outside list"


class OutsidePosts:
    """Answers what is on profiles and did not come through the gate."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.book = OutsideBook()
        self._taken_up = asyncio.Event()
        runtime.projection.listen(self._on_folded)

    async def take_up(self) -> None:
        """Read what stood before the start; the rest comes with the fold."""
        runtime = self._runtime
        await runtime.projection.catch_up()
        found = [
            *await runtime.ledger.history(subjects.OUTSIDE_POSTS),
            *await runtime.ledger.history(subjects.ACKNOWLEDGEMENTS),
        ]
        for entry in sorted(found, key=lambda entry: entry.seq):
            self.book.take(entry, runtime.control)
        self._taken_up.set()
        await asyncio.Event().wait()

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        if applied.kind in _KINDS:
            self.book.take(entry, self._runtime.control)

    def open(self) -> tuple[OutsideView, ...]:
        """Return what no officer has acknowledged, the newest 500."""
        return tuple(self.book.posts.values())[-MAX_SHOWN:]

    def measures(self) -> Iterator[Measure]:
        """Yield how many are open on each profile."""
        for profile, count in self.book.by_profile().items():
            yield Measure("onevoice_outside_posts", count, {"profile": profile})

    async def answer(self, query: BoardQuery) -> BoardReply:
        """List the open ones, with ``closed`` the newest 500 of all, or show one with what was kept of it.

        Raises:
            BadInput: ``outside.unknown``, ``outside.ambiguous``.
        """
        await self._taken_up.wait()
        if query.name is not None:
            return BoardReply(outside=(await self._whole(query.name),))
        return BoardReply(outside=await self._all() if query.closed else self.open())

    async def _all(self) -> tuple[OutsideView, ...]:
        ledger, control = self._runtime.ledger, self._runtime.control
        found: dict[str, OutsideView] = {}
        for entry in await ledger.history(subjects.OUTSIDE_POSTS):
            post = parse(OutsidePost, entry.data)
            found[post.outside] = OutsideView(seq=entry.seq, post=post)
        for entry in await ledger.history(subjects.ACKNOWLEDGEMENTS):
            event = parse(Acknowledgement, entry.data)
            known = found.get(event.outside)
            if known is not None:
                found[event.outside] = answered(known, event, entry, control) or known
        return tuple(found.values())[-MAX_SHOWN:]

    async def _whole(self, beginning: str) -> OutsideView:
        found = [one for one in await self._all() if one.post.outside.startswith(beginning)]
        if not found:
            raise BadInput("outside.unknown", f"there is no outside post {beginning}", _LIST)
        if len(found) > 1:
            names = ", ".join(one.post.outside for one in found[:5])
            raise BadInput("outside.ambiguous", f"{beginning} is the beginning of {names}", "give more of the id")
        post = found[0].post
        kept = {"record": await self._kept(post.record_sha256), "card": await self._kept(post.card_sha256)}
        return found[0].model_copy(update=kept)

    async def _kept(self, sha256: str | None) -> str | None:
        if sha256 is None:
            return None
        try:
            return base64.b64encode(await self._runtime.ledger.get_media(sha256)).decode()
        except LookupError:
            return None
