"""Follows the posts that did not come through the gate, from the ledger's begin, and shows them with their evidence."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator

from schemas import subjects
from schemas.events.desk import BoardQuery, BoardReply
from schemas.events.outside import OutsideView
from services.board.domain.outside_state import OutsideState
from services.board.domain.paging import newest_within
from services.kernel.base.errors import BadInput
from services.kernel.fold.ledger_fold import Applied
from services.kernel.ledger.entry import Entry
from services.kernel.measures.catalogue import Measure
from services.kernel.projection.past import past
from services.kernel.runtime.service import Runtime

MAX_SHOWN = 500

MAX_LIKE = 50
"""Ids that begin alike and are looked at: with more, the beginning is too short."""

_KINDS = frozenset({"outside", "acknowledgement"})
_ALL = (subjects.OUTSIDE_POSTS, subjects.ACKNOWLEDGEMENTS)
_LIST = "onevoice outside list"


class OutsidePosts:
    """Answers what is on profiles and did not come through the gate."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.state = OutsideState()
        self.taken_up = asyncio.Event()
        """What stood before the start is read: from then on it can be answered."""
        self._early: list[Entry] = []
        runtime.projection.listen(self._on_folded, *_KINDS)

    async def take_up(self) -> None:
        """Read what stood before the start; the rest comes with the fold."""
        runtime = self._runtime
        await runtime.projection.catch_up()
        # What is folded meanwhile may answer what is only just read.
        self.state.take_all([*await self._entries(*_ALL), *self._early], runtime.control)
        self._early.clear()
        self.taken_up.set()
        await asyncio.Event().wait()

    def _on_folded(self, entry: Entry, _applied: Applied) -> None:
        if self.taken_up.is_set():
            self.state.take(entry, self._runtime.control)
        else:
            self._early.append(entry)

    def open(self) -> tuple[OutsideView, ...]:
        """Return what no officer has acknowledged, the newest 500."""
        return tuple(self.state.posts.values())[-MAX_SHOWN:]

    def measures(self) -> Iterator[Measure]:
        """Yield how many are open on each profile."""
        for profile, count in self.state.by_profile().items():
            yield Measure("onevoice_outside_posts", count, {"profile": profile})

    async def answer(self, query: BoardQuery) -> BoardReply:
        """List the open ones, with ``closed`` the newest 500 of all, or show one with what was kept of it.

        Raises:
            BadInput: ``outside.unknown``, ``outside.ambiguous``.
        """
        if query.name is not None:
            return BoardReply(outside=(await self._whole(query.name),))
        shown = (await self._read(*_ALL))[-MAX_SHOWN:] if query.closed else self.open()
        return BoardReply(outside=newest_within(shown, lambda view: len(view.to_bytes())))

    async def _entries(self, *filters: str) -> list[Entry]:
        return [entry for one in filters async for entry in past(self._runtime.source, one)]

    async def _read(self, *filters: str) -> tuple[OutsideView, ...]:
        state = OutsideState(whole=True)
        state.take_all(await self._entries(*filters), self._runtime.control)
        return tuple(state.posts.values())

    async def _beginning(self, beginning: str) -> tuple[OutsideView, ...]:
        """Return what has this id, else all whose id begins like it; only their own entries are read."""
        if not subjects.is_token(beginning):
            return ()
        if found := await self._read(*subjects.on_outside(beginning)):
            return found
        counts = await self._runtime.ledger.counts(subjects.OUTSIDE_POSTS)
        named = {subject.rsplit(".", 1)[-1] for subject in counts}
        like = [name for name in sorted(named) if name.startswith(beginning) and subjects.is_token(name)]
        if len(like) > MAX_LIKE:
            raise _ambiguous(beginning, like)
        return await self._read(*(one for name in like for one in subjects.on_outside(name)))

    async def _whole(self, beginning: str) -> OutsideView:
        found = await self._beginning(beginning)
        if not found:
            raise BadInput("outside.unknown", f"there is no outside post {beginning}", _LIST)
        if len(found) > 1:
            raise _ambiguous(beginning, [one.post.outside for one in found])
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


def _ambiguous(beginning: str, names: list[str]) -> BadInput:
    said = f"{beginning} is the beginning of {', '.join(names[:5])}"
    return BadInput("outside.ambiguous", said, "give more of the id")
