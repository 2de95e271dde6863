"""What came from the ledger, for browsers that watch: each reads on from its own place, nothing twice or skipped."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from schemas import subjects
from schemas.events.desk import BoardEvent
from services.desk.views.message.messages import KEPT_OLDER, MessageIndex
from services.kernel.base.clock import Clock
from services.web.domain.news import News, news_of

KEPT = 20_000
"""Entries that are kept for who comes back; whoever is further behind loads the page again."""

ALIVE_SECONDS = 5.0
"""The board says once a second how far it is: after so long without it the pages are not live."""


class Hub:
    """The newest entries, in order, and the messages that they tell of."""

    def __init__(self, clock: Clock, most: int = KEPT) -> None:
        self.clock, self._most = clock, most
        self.messages = _empty()
        self.oldest = 0
        """All entries above this sequence came, as far as they tell of messages."""
        self.seq = self.control_seq = 0
        self._kept: deque[News] = deque()
        self._on: dict[str, deque[News]] = {}
        self._begin = 0
        self._beat_at = float("-inf")
        self._changed = asyncio.Event()
        self.closed = False

    def close(self) -> None:
        """End the streams of all browsers."""
        self.closed = True
        self._changed.set()

    def alive(self) -> bool:
        """True while the city was heard within the last seconds."""
        return self.clock.monotonic() - self._beat_at < ALIVE_SECONDS

    def beat(self) -> None:
        """Note that the city was heard just now."""
        self._beat_at = self.clock.monotonic()

    def begin(self, seq: int) -> None:
        """Begin after a sequence, if nothing came yet."""
        if self.seq == 0:
            self.seq = self._begin = self.oldest = seq

    def forget(self) -> None:
        """Forget all that was shown: the ledger is not the one that it was."""
        self.messages = _empty()
        self.oldest = 0
        self._kept.clear()
        self._on.clear()
        self.seq = self._begin = self.control_seq = 0

    def add(self, event: BoardEvent) -> None:
        """Take the next entry; one that came already is dropped."""
        if event.seq <= self.seq:
            return
        self.seq = event.seq
        if event.subject == subjects.CONTROL:
            self.control_seq = event.seq
        if len(self._kept) == self._most:
            self._drop_first()
        news = news_of(event)
        self._kept.append(news)
        if news.what and news.request_id:
            self._on.setdefault(news.request_id, deque()).append(news)
        self.messages.add(event)
        self._changed.set()
        self._changed = asyncio.Event()

    def _drop_first(self) -> None:
        first = self._kept.popleft()
        self._begin = first.seq
        own = self._on.get(first.request_id)
        if own and own[0] is first:
            own.popleft()
            if not own:
                del self._on[first.request_id]

    def add_older(self, above: int, events: Iterable[BoardEvent]) -> None:
        """Take the entries above a sequence, up to the oldest one that came: for search, and for what is in force."""
        for event in events:
            if above < event.seq <= self.oldest:
                self.messages.add_older(event)
        self.oldest = min(self.oldest, above)

    @property
    def older_left(self) -> int:
        """How many entries from before the oldest one that came are still to be read."""
        older = self.messages.older
        return 0 if older is not None and older.full else self.oldest

    def holds(self, seq: int) -> bool:
        """True when whoever saw everything up to ``seq`` can be told the rest without a gap."""
        return self._begin <= seq <= self.seq

    def after(self, seq: int) -> list[News]:
        """Return what came after a sequence, in order."""
        found = []
        for one in reversed(self._kept):
            if one.seq <= seq:
                break
            found.append(one)
        return found[::-1]

    def on_message(self, request_id: str) -> list[News] | None:
        """Return all that was said on a message, and on what it follows or what follows it; None when some is older."""
        family = self.messages.family(request_id)
        if not family or min(line.seq for line in family) <= self._begin:
            return None
        found = (one for line in family for one in self._on.get(line.request_id, ()))
        return sorted(found, key=lambda one: one.seq)

    def names_with(self, request_id: str) -> tuple[str, ...]:
        """Return the ids of a message, of what it follows and of what follows it: news on them concern its page."""
        return tuple(dict.fromkeys([request_id, *(line.request_id for line in self.messages.family(request_id))]))

    async def wait(self, seconds: float) -> None:
        """Wait until something comes, or the time is over."""
        changed = self._changed
        try:
            async with asyncio.timeout(seconds):
                await changed.wait()
        except TimeoutError:
            return


def _empty() -> MessageIndex:
    return MessageIndex(older=MessageIndex(KEPT_OLDER))
