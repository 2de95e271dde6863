"""Which messages promised an update that has not come yet. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.events.requests import Request
from services.board.domain.notices import Waiting

WARN_BEFORE = timedelta(minutes=10)
"""So long before its time somebody is reminded of a promise for the first time."""

KEPT = timedelta(days=1)
"""So long after its time a promise is spoken of."""


@dataclass
class Promises:
    """The requests that promise an update, which requests were cleared, and which promises are kept or void."""

    made: dict[str, Request] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)

    def note_request(self, request: Request) -> None:
        """Note a request; its newest revision says what it promises."""
        if request.next_update is None:
            self.made.pop(request.request_id, None)
        else:
            self.made[request.request_id] = request

    def note_cleared(self, request_id: str, before: Iterable[str], act: str | None) -> None:
        """Note that a request was cleared: what it comes after has its update. A repost says nothing new."""
        if request_id in self.made:
            self.cleared.add(request_id)
        if act != "repost":
            self.kept.update(one for one in before if one in self.made)

    def open(self, withdrawn: Container[str], now: datetime) -> Iterator[Waiting]:
        """Yield what is promised soon, or overdue, as something that waits for its author."""
        for name, request in self.made.items():
            by = request.next_update
            if by is None or name in self.kept or name in withdrawn or name not in self.cleared:
                continue
            if by - WARN_BEFORE <= now < by + KEPT:
                yield Waiting(
                    name,
                    by - WARN_BEFORE,
                    request.author,
                    " ".join(request.text.split())[:280],
                    True,
                    "it promised an update, and none was cleared yet",
                    f"onevoice update {name} TEXT; or onevoice all-clear {name}",
                    by,
                    promised=True,
                )
