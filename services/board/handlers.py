"""Handlers of the board: queries of the desk, answered from the fold; heartbeats."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator

from schemas import subjects
from schemas.events.base import Contract
from schemas.events.desk import MESSAGES, BoardQuery, BoardReply, EocView, OfficerView, RequestView, ServiceHealth
from schemas.events.shown import PostureChange, PostWait
from services.board.changes import PAGE as MOST_CHANGES
from services.board.changes import Changes, as_event, page_of
from services.board.dead import DeadLetters
from services.board.domain.authority import authority_view
from services.board.domain.notices import Waiting, late_post_waits, profile_waits
from services.board.domain.paging import MOST_BYTES, newest_within
from services.board.domain.pending_list import PendingList
from services.board.domain.views import page_key, request_view
from services.board.finding import RequestFinder
from services.board.outside import OutsidePosts
from services.board.pending_page import PendingPage
from services.board.posted import posted_lately
from services.board.promises import PromiseWatch
from services.board.turns import Turns
from services.kernel.base.errors import BadInput
from services.kernel.fold.state import RequestState
from services.kernel.projection.request_entries import entries_on
from services.kernel.runtime.flights import Flights
from services.kernel.runtime.messages.dependencies import Sender
from services.kernel.runtime.service import Runtime

FRESH_SECONDS = 10.0
"""An instance of which nothing was heard for so long is gone; what its own clock says is for the clock's check."""

PAGE = 200
"""Requests of one page of ``pending``, and fewer where they are large."""

MOST_POSTURES = 100
"""Postures of one answer to somebody who missed some: the newest."""

BESIDE = MOST_BYTES // 4
"""Bytes of the dead letters, and of the outside posts, that its first page has at most: the newest of them."""


class BoardHandlers:
    """Answers the desk's queries from the fold."""

    def __init__(
        self,
        runtime: Runtime,
        finder: RequestFinder,
        *,
        dead: DeadLetters,
        changes: Changes,
        outside: OutsidePosts,
        promises: PromiseWatch,
        flights: Flights,
    ) -> None:
        self.runtime = runtime
        self._finder = finder
        self._dead = dead
        self._entries = changes
        self._outside = outside
        self._promises = promises
        self._flights = flights
        self._waiting, self._turns = PendingList(), Turns(runtime.projection)
        self._health: dict[tuple[str, str], tuple[ServiceHealth, float]] = {}
        self._answers: dict[str, Callable[[BoardQuery], Awaitable[BoardReply]]] = {
            "eoc": self._eoc,
            "status": self._status,
            "pending": self._pending,
            "profiles": self._profiles,
            "officers": self._officers,
            "authority": self._authority,
            "services": self._services,
            "dead": dead.answer,
            "changes": self._changes,
            "history": self._history,
            "outside": outside.answer,
            "promised": promises.answer,
            "posted": self._posted,
            "picture": self._picture,
        }

    async def on_query(self, query: BoardQuery, sender: Sender) -> BoardReply:
        """Answer one query.

        Raises:
            Refused: ``board.waiting``. Unreachable: ``ledger.behind``, it could not be read so far in time.
        """
        if query.at_least is not None:
            await self._turns.reach(query.at_least, sender)
        if query.query == "outside":
            await self._turns.until(self._outside.taken_up, "posts from outside", sender)
        async with self._turns.answering:
            return await self._answers[query.query](query)

    async def on_health(self, event: ServiceHealth) -> None:
        """Remember that an instance is alive, and what it waits for."""
        self._health[event.service, event.instance] = (event, self.runtime.clock.monotonic())

    def no_requests(self) -> Iterator[Waiting]:
        """Yield what waits for a person and is no request: posts from outside, promises, profiles in trouble."""
        yield from self._outside.state.waiting()
        yield from self._promises.waiting()
        yield from map(late_post_waits, self._flights.late_posts(self.runtime.control))
        troubles = {one.profile: one for health in self._alive() for one in health.profiles or ()}
        yield from map(profile_waits, troubles.values())

    # --- answers ------------------------------------------------------------------------------------------

    async def _eoc(self, query: BoardQuery) -> BoardReply:
        runtime, state, since = self.runtime, self.runtime.control, query.since
        postures = () if since is None else [one for one in runtime.fold.postures if one.seq > since]
        return BoardReply(
            postures=tuple(PostureChange(**one._asdict()) for one in postures[-MOST_POSTURES:]) or None,
            eoc=EocView(
                realm=runtime.city.realm,
                city=state.city,
                website=state.website,
                posture=state.posture,
                level=state.level,
                incident=state.incident,
                control_seq=state.seq,
                hold=state.hold,
                began_seq=state.began_seq,
                hold_seq=state.hold_seq,
                in_flight=self._flights.in_flight(state),
                unknown=self._flights.unknown(state),
                late_posts=self._flights.late_posts(state),
                last_seq=runtime.fold.seq,
                services=self._alive(),
            ),
        )

    async def _services(self, _query: BoardQuery) -> BoardReply:
        return BoardReply(services=self._alive())

    def _alive(self) -> tuple[ServiceHealth, ...]:
        oldest = self.runtime.clock.monotonic() - FRESH_SECONDS
        self._health = {name: heard for name, heard in self._health.items() if heard[1] >= oldest}
        return tuple(self._health[name][0] for name in sorted(self._health))

    async def _profiles(self, _query: BoardQuery) -> BoardReply:
        state = self.runtime.control
        return BoardReply(profiles=tuple(state.profiles[name] for name in sorted(state.profiles)))

    async def _officers(self, _query: BoardQuery) -> BoardReply:
        state, now = self.runtime.control, self.runtime.clock.now()
        return BoardReply(
            officers=tuple(
                OfficerView(
                    officer=state.officers[name], grants_now=state.grants_of(name, now), revoked=name in state.revoked
                )
                for name in sorted(state.officers)
            )
        )

    async def _authority(self, query: BoardQuery) -> BoardReply:
        return BoardReply(authority=authority_view(self.runtime.control, self.runtime.clock.now(), query.about))

    async def _status(self, query: BoardQuery) -> BoardReply:
        found = [await self._finder.find(query.request_id or "")]
        return BoardReply(requests=tuple(self._views(found, query.most)))

    async def _pending(self, query: BoardQuery) -> BoardReply:
        self._waiting.follow(self.runtime.fold)
        as_of = self.runtime.fold.seq
        total, (page, following) = len(self._waiting), self._waiting.page(query.after, PAGE)
        shown = PendingPage.of(self._views(page, query.most, bare=True))
        count = len(shown.requests or ())
        if count < len(page):
            following = page_key(page[count - 1])
        beside = BoardReply(
            dead_letters=newest_within((await self._dead.state()).open(), _size, BESIDE) if query.after is None else (),
            outside=newest_within(self._outside.open(), _size, BESIDE) if query.after is None else (),
            total=total,
            next=following,
            as_of=as_of,
        )
        return shown.beside(beside)

    async def _changes(self, query: BoardQuery) -> BoardReply:
        most = query.most or MOST_CHANGES
        found, following = await self._entries.since(query.since or 0, most, of_messages=query.about == MESSAGES)
        return BoardReply(changes=found, next=following, as_of=self.runtime.fold.seq)

    async def _history(self, query: BoardQuery) -> BoardReply:
        state = await self._finder.find(query.request_id or "")
        names = self.runtime.fold.chain.family(state.request_id)
        as_of, projection = self.runtime.fold.seq, self.runtime.projection
        found = [entry for name in names for entry in await entries_on(name, projection, as_of)]
        for name in names:
            found += [entry for entry in await projection.all_of(subjects.notice(name)) if entry.seq <= as_of]
        since = query.since or 0
        events, following = page_of(
            sorted((one for one in found if one.seq > since), key=lambda one: one.seq), as_event
        )
        views = () if since else tuple(self._views([state], query.most))
        return BoardReply(changes=events, next=following, requests=views, as_of=as_of)

    async def _posted(self, query: BoardQuery) -> BoardReply:
        """Name what was delivered to a profile lately, for whoever was answered there."""
        profile = query.name or ""
        if not subjects.is_token(profile):
            raise BadInput("profile.id", f"{profile!r} is not a profile's id", "onevoice profiles list shows them")
        return BoardReply(posted=await posted_lately(self.runtime, profile))

    async def _picture(self, query: BoardQuery) -> BoardReply:
        """Show a picture, whether a request names it already or not; None in the answer: there is no such one."""
        sha256 = query.about or ""
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise BadInput("picture.id", "that is no picture's hash", "onevoice show ID names those of a request")
        try:
            raw = await self.runtime.ledger.get_upload(sha256)
        except LookupError:
            return BoardReply()
        return BoardReply(picture=base64.b64encode(raw).decode())

    def _views(self, states: Iterable[RequestState], most: int | None, *, bare: bool = False) -> Iterator[RequestView]:
        control, fold, dead = self.runtime.control, self.runtime.fold, self._dead.known
        waits: dict[str, list[PostWait]] = {}
        for wait in (wait for health in self._alive() for wait in health.waits):
            waits.setdefault(wait.request_id, []).append(wait)
        return (
            request_view(
                state,
                control.profiles,
                withdrawn=state.request_id in control.withdrawn,
                replaced_by=fold.chain.replaced.get(state.request_id),
                as_of=fold.seq,
                dead_letters=dead.holding(state.request_id),
                put_aside=dead.of_verdict(state.request_id, state.verdict_seq),
                waits=waits.get(state.request_id, ()),
                most=most,
                bare=bare,
            )
            for state in states
        )


def _size(shown: Contract) -> int:
    """Return how long an answer becomes by it; without sorted keys, as the answer is made."""
    return len(shown.__pydantic_serializer__.to_json(shown, exclude_none=True))
