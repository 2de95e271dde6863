"""Keeps the promised updates: from the ledger's last days at the start, then as entries come."""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas import subjects
from schemas.events.desk import BoardQuery, BoardReply
from schemas.events.notices import PromisedUpdate
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from services.board.domain.notices import Waiting
from services.board.domain.promises import KEPT, Promises
from services.kernel.fold.ledger_fold import Applied
from services.kernel.fold.reading import is_kind, parse
from services.kernel.ledger.entry import Entry
from services.kernel.projection.past import SLOWLY, past
from services.kernel.projection.server_time import ServerTime
from services.kernel.runtime.service import Runtime

FACTOR = 7
"""A request lasts at most this many times the city's ``request_seconds``, and promises nothing beyond that."""

FORGET_SECONDS = 60.0
"""How often what is over is forgotten, while entries come."""


class PromiseWatch:
    """Follows requests and verdicts."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.promises = Promises()
        self._server_time = ServerTime(runtime.clock)
        self._forgot_at: float | None = None
        self._came: list[Entry] | None = []
        """What came while the past was read; it is noted behind it. None: all of the past is noted."""
        runtime.projection.listen(self._on_folded, "request", "verdict")

    async def take_up(self) -> None:
        """Read what was promised and said before the start."""
        runtime = self._runtime
        longest = timedelta(seconds=runtime.control.settings.request_seconds * FACTOR) + KEPT
        now = await self._server_time.now(runtime.ledger.server_time)
        after = await runtime.ledger.first_since(now - longest) - 1
        promises = Promises()
        requests = [one async for one in past(runtime.source, subjects.REQUESTS, after, SLOWLY) if _speaks_of_it(one)]
        for entry in requests:
            self._note(entry, promises)
        if promises.made:
            async for entry in past(runtime.source, subjects.VERDICTS, requests[0].seq, SLOWLY):
                self._note(entry, promises)
        came, self._came = self._came or (), None
        for entry in came:
            self._note(entry, promises)
        self.promises, self._forgot_at = promises, runtime.clock.monotonic()

    def waiting(self) -> tuple[Waiting, ...]:
        """Return what is promised soon, or overdue, as something that waits for its author."""
        return tuple(self.promises.open(self._runtime.control.withdrawn, self._now()))

    def open(self) -> tuple[PromisedUpdate, ...]:
        """Return which promised updates are near or overdue, the first first."""
        found = self.waiting()
        views = [
            PromisedUpdate(request_id=one.request_id, author=one.author, text=one.text, by=one.ends) for one in found
        ]
        return tuple(sorted(views, key=lambda view: view.by))

    async def answer(self, _query: BoardQuery) -> BoardReply:
        """Answer a query of the desk."""
        return BoardReply(promised=self.open())

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        self._server_time.on_folded(entry, applied)
        if not applied.void and self._came is not None:
            self._came.append(entry)
        elif not applied.void:
            self._note(entry, self.promises)
        runtime, now = self._runtime, self._runtime.clock.monotonic()
        # Before all of the past is noted, a verdict of it may still come that goes by a repost.
        if self._forgot_at is not None and now - self._forgot_at >= FORGET_SECONDS:
            self._forgot_at = now
            self.promises.forget(runtime.control.withdrawn, self._now())

    def _now(self) -> datetime:
        """Return the broker's time: by a clock that is a day ahead no promise would be spoken of any more."""
        return self._server_time.least(None) or self._runtime.clock.now()

    def _note(self, entry: Entry, promises: Promises) -> None:
        try:
            if is_kind(entry, "request"):
                promises.note_request(parse(Request, entry.data))
                return
            verdict = parse(Verdict, entry.data)
        except ValueError:  # junk is void for everybody
            return
        if verdict.outcome is Outcome.CLEARED:
            name = verdict.request_id
            promises.note_cleared(name, self._runtime.fold.chain.before(name))


def _speaks_of_it(entry: Entry) -> bool:
    """Return whether a request promises an update, or is a repost, without reading it whole."""
    return b'"next_update"' in entry.data or b"repost" in entry.data
