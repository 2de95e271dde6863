"""Keeps the book of promised updates: from the ledger's last days at the start, then as entries come."""

from __future__ import annotations

from datetime import timedelta

from schemas import subjects
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from services.board.domain.promises import KEPT, Promises
from services.kernel.fold.ledger_fold import Applied
from services.kernel.fold.reading import is_kind, parse
from services.kernel.ledger.entry import Entry
from services.kernel.runtime.service import Runtime

FACTOR = 7
"""A request lasts at most this many times the city's ``request_seconds``, and promises nothing beyond that."""


class PromiseWatch:
    """Follows requests and verdicts."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.book = Promises()
        self._acts: dict[str, str | None] = {}
        runtime.projection.listen(self._on_folded)

    async def take_up(self) -> None:
        """Read what was promised and said before the start."""
        runtime = self._runtime
        longest = timedelta(seconds=runtime.control.settings.request_seconds * FACTOR) + KEPT
        after = await runtime.ledger.first_since(runtime.clock.now() - longest) - 1
        found = [
            *await runtime.ledger.history(subjects.REQUESTS, after),
            *await runtime.ledger.history(subjects.VERDICTS, after),
        ]
        for entry in sorted(found, key=lambda entry: entry.seq):
            self._note(entry)

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        if applied.kind in ("request", "verdict") and not applied.void:
            self._note(entry)

    def _note(self, entry: Entry) -> None:
        try:
            if is_kind(entry, "request"):
                request = parse(Request, entry.data)
                self.book.note_request(request)
                self._acts[request.request_id] = request.act
                return
            verdict = parse(Verdict, entry.data)
        except ValueError:  # junk is void for everybody
            return
        if verdict.outcome is Outcome.CLEARED:
            name = verdict.request_id
            self.book.note_cleared(name, self._runtime.fold.chain.before(name), self._acts.get(name))
