"""The pages' own connection to the city: opened again whenever it is lost, and fed by the board's stream of changes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas import flow, subjects
from schemas.events.base import Contract
from schemas.events.desk import MESSAGES, BoardEvent, BoardQuery, BoardReply, EocView, RequestView
from services.desk.connection.changes import Watch
from services.desk.connection.link import Link, Reply
from services.desk.keys.opening import PersonKeys
from services.kernel.authority.signing import load_key
from services.kernel.base import logs
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, OneVoiceError, Unreachable
from services.kernel.base.tasks import cancel_all
from services.web.hub import Hub

AGAIN_SECONDS = (0.2, 0.5, 1.0, 2.0)
"""Pauses before the connection is opened again; the last one without end."""

WAIT_SECONDS = 1.0
EOC_SECONDS = 1.0
OLDER_AT_ONCE, OLDER_PAUSES, OLDER_SECONDS = 100, (0.03, 0.2), 600.0
"""Older entries are read a few at a time, so that nothing waits long behind them, and evenly.

The pause between is so many seconds at least and at most, and as long as has the past read in ten minutes. The server
holds the 8 MB round an entry for ten seconds and more: the quicker the past is read, the more of it is in memory.
"""

READ_BACK = 5_000
"""How many of the newest entries are read at the start, for the lists of what was said."""


def older_pause(left: int) -> float:
    """Return how many seconds pass between two answers with older entries, where so many are left."""
    shortest, longest = OLDER_PAUSES
    return min(max(shortest, OLDER_SECONDS * OLDER_AT_ONCE / max(left, 1)), longest)


@dataclass(frozen=True)
class WhatWaits:
    """What waits, the most urgent first, how many posts from outside do, and up to where the ledger was known."""

    requests: list[RequestView]
    outside_posts: int
    as_of: int


class CityConnection:
    """Asks the city, and follows it."""

    def __init__(self, city: City, url: Callable[[], str], hub: Hub) -> None:
        self.city = city
        self.hub = hub
        self._url = url
        self._link: Link | None = None
        self._eoc: EocView | None = None
        self._eoc_at = float("-inf")
        self._asking: tuple[asyncio.Task[EocView] | None, int] = None, 0
        self._questions = self._answered = 0

    async def run(self) -> None:
        """Keep the connection open and the hub fed; without end."""
        failures = 0
        while True:
            link = Link(flow.WEB, self._url())
            try:
                key = load_key(self.city.service_key_path(flow.WEB))
                await link.open(self.city, PersonKeys(key, key))
                self._link = link
                await self._follow(link)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next try may do: it goes on without end
                said = str(error) or type(error).__name__
                log = logs.logger(realm=self.city.realm)
                tell = log.warning if failures else log.info  # the board may start behind the pages
                tell("the pages are not live", error=said)
                failures = 0 if self.hub.alive() else failures + 1
            finally:
                self._link = None
                await link.close()
            await asyncio.sleep(AGAIN_SECONDS[min(failures, len(AGAIN_SECONDS) - 1)])

    async def _follow(self, link: Link) -> None:
        async with link.listening(subjects.BOARD_ALL) as received:
            newest = (await self._eoc_by(link)).last_seq
            start = self.hub.seq if 0 < self.hub.seq <= newest else max(0, newest - READ_BACK)
            if self.hub.seq > newest:
                self.hub.forget()  # the ledger is another one, or lost its end: what was shown does not count
            await self._catch_up(link, start, newest)
            watch = Watch(link, received, self.hub.seq)
            reading = asyncio.create_task(self._read_older(link))
            try:
                while True:
                    for event in await watch.events(WAIT_SECONDS):
                        self.hub.add(event)
                    self.hub.beat()
            finally:
                await cancel_all(reading)

    async def _read_older(self, link: Link) -> None:
        """Read what is before the newest entries, for search: backwards, slowly, and on from where it was."""
        pause = older_pause(self.hub.older_left)
        while self.hub.older_left > 0:
            oldest = self.hub.oldest
            at = above = max(0, oldest - OLDER_AT_ONCE)
            found: list[BoardEvent] = []
            while at < oldest:
                before, (events, at) = at, await self._older(link, at, oldest)
                found += events
                await asyncio.sleep(pause if at > before else AGAIN_SECONDS[-1])
            self.hub.add_older(above, found)

    @staticmethod
    async def _older(link: Link, at: int, last: int) -> tuple[Sequence[BoardEvent], int]:
        """Return what came above a sequence, and up to where was looked: no further than it was, if nobody answers."""
        asked = BoardQuery(query="changes", since=at, about=MESSAGES, most=last - at)
        try:
            reply = await link.board(asked)
        except OneVoiceError:  # the board may start just now
            return (), at
        return reply.changes or (), last if reply.next is None else int(reply.next)

    async def _catch_up(self, link: Link, start: int, newest: int) -> None:
        self.hub.begin(start)
        while self.hub.seq < newest:
            found = (await link.board(BoardQuery(query="changes", since=self.hub.seq))).changes or ()
            if not found:
                break
            for event in found:
                self.hub.add(event)
        self.hub.beat()

    @staticmethod
    async def _eoc_by(link: Link) -> EocView:
        view = (await link.board(BoardQuery(query="eoc"))).eoc
        if view is None:
            raise Unreachable("service.unreadable", "the board did not say the posture", "onevoice doctor")
        return view

    # --- asking -------------------------------------------------------------------------------------------

    @property
    def link(self) -> Link:
        """The open connection; raises Unreachable while there is none."""
        if self._link is None:
            raise Unreachable("broker.lost", "these pages have no connection to the city now", "onevoice doctor")
        return self._link

    async def board(self, query: BoardQuery) -> BoardReply:
        """Ask the board; raises OneVoiceError."""
        return await self.link.board(query)

    async def ask(self, base: str, message: Contract, reply: type[Reply]) -> Reply:
        """Ask a service with a message; raises OneVoiceError."""
        return await self.link.ask(base, message, reply)

    async def eoc(self, at_least: int | None = None) -> EocView:
        """Return the posture as the ledger has it, at ``at_least`` or later.

        For a second it is what was answered before, unless control has changed since; in the second half of it the next
        answer is asked for already, once for all pages.
        """
        known, age = self._eoc, self.hub.clock.monotonic() - self._eoc_at
        is_new = known is not None and known.control_seq >= self.hub.control_seq and age < EOC_SECONDS
        if at_least is not None:
            return await self._asked_eoc(at_least)
        if known is not None and is_new and self.hub.alive():
            if age > EOC_SECONDS / 2:
                self._ask_eoc()
            return known
        return await asyncio.shield(self._ask_eoc())

    def _ask_eoc(self) -> asyncio.Task[EocView]:
        """Ask for the posture, unless the question is under way since control changed last."""
        asking, control = self._asking
        if asking is None or asking.done() or control < self.hub.control_seq:
            asking = asyncio.create_task(self._asked_eoc(self.hub.control_seq or None))
            asking.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._asking = asking, self.hub.control_seq
        return asking

    async def _asked_eoc(self, at_least: int | None) -> EocView:
        self._questions += 1
        number, asked_at = self._questions, self.hub.clock.monotonic()
        view = (await self.board(BoardQuery(query="eoc", at_least=at_least))).eoc
        if view is None:
            raise Unreachable("service.unreadable", "the board did not say the posture", "onevoice doctor")
        if number > self._answered:  # else a later question was answered before
            self._answered, self._eoc, self._eoc_at = number, view, asked_at
        return view

    async def request(self, request_id: str, at_least: int | None = None, most: int | None = None) -> RequestView:
        """Return a request, with ``most`` deliveries; the beginning of its id is enough.

        Raises:
            BadInput: ``request.unknown``.
        """
        reply = await self.board(BoardQuery(query="status", request_id=request_id, at_least=at_least, most=most))
        if not reply.requests:
            raise BadInput("request.unknown", f"there is no request {request_id}", "look it up under Messages")
        return reply.requests[0]

    async def picture(self, sha256: str) -> bytes | None:
        """Return a picture that was put for a message; None: there is no such one."""
        found = (await self.board(BoardQuery(query="picture", about=sha256))).picture
        return base64.b64decode(found) if found else None

    async def pending(self) -> list[RequestView]:
        """Return all that waits, the most urgent first, without renderings and with unconfirmed posts alone."""
        return (await self.waiting()).requests

    async def waiting(self) -> WhatWaits:
        """Return all that waits, as ``pending``, and how many posts from outside wait for a look."""
        first = reply = await self.board(BoardQuery(query="pending", most=0))
        found, strange = list(reply.requests or ()), len(reply.outside or ())
        while reply.next is not None:
            reply = await self.board(BoardQuery(query="pending", after=reply.next, most=0))
            found += reply.requests or ()
        return WhatWaits(found, strange, first.as_of or 0)
