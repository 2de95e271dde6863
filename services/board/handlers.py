"""Handlers of the board: queries of the desk, the feed, the heartbeats."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from schemas import subjects
from schemas.events.deliveries import Attempt, Receipt
from schemas.events.desk import (
    BoardEvent,
    BoardQuery,
    BoardReply,
    DeliveryView,
    EocView,
    OfficerView,
    RequestView,
    ServiceHealth,
)
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from services.board.dead import DeadLetters
from services.board.dead_book import DeadBook
from services.board.views import delivery_view, is_pending, with_letter
from services.kernel.control import ControlState
from services.kernel.errors import BadInput
from services.kernel.in_flight import in_flight
from services.kernel.open_requests import OpenRequests
from services.kernel.service import EntryOf, Runtime, Sender

FRESH = timedelta(seconds=10)
"""A heartbeat older than this is of an instance that is gone."""

MAX_PENDING = 500


class Handlers:
    """What the board answers and shows."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.open = OpenRequests(runtime.ledger)
        self.dead = DeadLetters(runtime)
        self._health: dict[str, ServiceHealth] = {}
        self._answers: dict[str, Callable[[BoardQuery], Awaitable[BoardReply]]] = {
            "eoc": self._eoc,
            "status": self._status,
            "pending": self._pending,
            "profiles": self._profiles,
            "officers": self._officers,
            "services": self._services,
            "dead": self.dead.answer,
        }

    async def on_query(self, query: BoardQuery, sender: Sender) -> BoardReply:
        """Answer one question from the ledger."""
        return await self._answers[query.query](query)

    async def on_health(self, event: ServiceHealth) -> None:
        """Remember who lives."""
        self._health[event.instance] = event

    async def on_entry(self, event: dict[str, Any], entry: EntryOf) -> None:
        """Show a ledger event to people who watch."""
        tokens = entry.subject.split(".")
        name = tokens[2] if len(tokens) == 3 else tokens[-1]
        if tokens[1] == "approval":
            name = tokens[2]
        await self.runtime.broadcast(
            subjects.board(tokens[1], name),
            BoardEvent(seq=entry.seq, subject=entry.subject, at=entry.at, body=event),
        )

    # --- answers ------------------------------------------------------------------------------------------

    async def _eoc(self, _query: BoardQuery) -> BoardReply:
        runtime = self.runtime
        state = await runtime.control.refresh()
        flights = await in_flight(runtime.ledger, runtime.clock.now(), lease=runtime.lease_seconds)
        return BoardReply(
            eoc=EocView(
                realm=runtime.city.realm,
                city=state.city,
                website=state.website,
                posture=state.posture,
                level=state.level,
                incident=state.incident,
                control_seq=state.seq,
                hold=state.hold,
                in_flight=len(flights),
                last_seq=await runtime.ledger.last_seq(),
                services=self._alive(),
            )
        )

    async def _services(self, _query: BoardQuery) -> BoardReply:
        return BoardReply(services=self._alive())

    def _alive(self) -> tuple[ServiceHealth, ...]:
        oldest = self.runtime.clock.now() - FRESH
        self._health = {name: health for name, health in self._health.items() if health.at >= oldest}
        return tuple(sorted(self._health.values(), key=lambda health: (health.service, health.instance)))

    async def _profiles(self, _query: BoardQuery) -> BoardReply:
        state = await self.runtime.control.refresh()
        return BoardReply(profiles=tuple(state.profiles[name] for name in sorted(state.profiles)))

    async def _officers(self, _query: BoardQuery) -> BoardReply:
        state = await self.runtime.control.refresh()
        now = self.runtime.clock.now()
        return BoardReply(
            officers=tuple(
                OfficerView(
                    officer=state.officers[name], grants_now=state.grants_of(name, now), revoked=name in state.revoked
                )
                for name in sorted(state.officers)
            )
        )

    async def _status(self, query: BoardQuery) -> BoardReply:
        request_id = await self._resolve(query.request_id or "")
        state = await self.runtime.control.refresh()
        view = await self._view(request_id, state)
        if view is None:
            raise _unknown(request_id)
        return BoardReply(requests=(view,))

    async def _pending(self, _query: BoardQuery) -> BoardReply:
        state = await self.runtime.control.refresh()
        views = [await self._view(request_id, state) for request_id in (await self.open.ids())[:MAX_PENDING]]
        waiting = [view for view in views if view and is_pending(view.request, view.verdict, view.deliveries)]
        waiting.sort(key=lambda view: view.request_seq)
        return BoardReply(requests=tuple(waiting), dead_letters=(await self.dead.book()).open())

    async def _resolve(self, beginning: str) -> str:
        """Return the request whose id begins so; a whole id is found however old it is."""
        if not re.fullmatch(subjects.TOKEN, beginning):
            raise BadInput("request.id", f"{beginning!r} is not a request id", "copy it from: onevoice pending")
        if await self.runtime.ledger.last(subjects.request(beginning)) is not None:
            return beginning
        found = [request_id for request_id in await self.open.ids() if request_id.startswith(beginning)]
        if len(found) == 1:
            return found[0]
        if found:
            raise BadInput("request.ambiguous", f"{beginning} fits {', '.join(found[:5])}", "give more of the id")
        raise _unknown(beginning)

    async def _view(self, request_id: str, state: ControlState) -> RequestView | None:
        ledger = self.runtime.ledger
        entry = await ledger.last(subjects.request(request_id))
        if entry is None:
            return None
        request = Request.from_bytes(entry.data)
        verdict_entry = await ledger.last(subjects.verdict(request_id))
        verdict = Verdict.from_bytes(verdict_entry.data) if verdict_entry else None
        book = await self.dead.book()
        return RequestView(
            request=request,
            request_seq=entry.seq,
            verdict=verdict,
            verdict_seq=verdict_entry.seq if verdict_entry else 0,
            deliveries=await self._deliveries(request, verdict, verdict_entry.seq if verdict_entry else 0, state, book),
            withdrawn=request_id in state.withdrawn,
            dead_letters=book.holding(request_id),
        )

    async def _deliveries(
        self, request: Request, verdict: Verdict | None, verdict_seq: int, state: ControlState, book: DeadBook
    ) -> tuple[DeliveryView, ...]:
        if verdict is None:
            return ()
        found = await asyncio.gather(*(self._delivery(request, profile, verdict, state) for profile in request.targets))
        return tuple(
            with_letter(view, book.of_delivery(view.profile, request.request_id, verdict_seq))
            for view in found
            if view is not None
        )

    async def _delivery(
        self, request: Request, profile: str, verdict: Verdict, state: ControlState
    ) -> DeliveryView | None:
        ledger, known = self.runtime.ledger, state.profiles.get(profile)
        attempt = await ledger.last(subjects.attempt(profile, request.request_id))
        receipt = await ledger.last(subjects.receipt(profile, request.request_id))
        return delivery_view(
            profile,
            known.platform if known else "unknown",
            queued=verdict.outcome is Outcome.CLEARED,
            attempt=(attempt.seq, Attempt.from_bytes(attempt.data)) if attempt else None,
            receipt=Receipt.from_bytes(receipt.data) if receipt else None,
            receipt_seq=receipt.seq if receipt else 0,
        )


def _unknown(request_id: str) -> BadInput:
    return BadInput("request.unknown", f"there is no request {request_id}", "onevoice pending lists the open ones")
