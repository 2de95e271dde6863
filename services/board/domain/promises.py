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

WORDS = 280
"""Characters of its text."""


@dataclass
class Promise:
    """A message that promises an update ``by`` a time; ``text`` is as much of it as a notice shows."""

    by: datetime
    author: str
    text: str
    cleared: bool = False


@dataclass
class Promises:
    """The promises that may have to be spoken of, by the message's id, and until when a repost may be cleared."""

    made: dict[str, Promise] = field(default_factory=dict)
    reposts: dict[str, datetime] = field(default_factory=dict)

    def note_request(self, request: Request) -> None:
        """Note a request; its newest revision says what it promises."""
        name, before = request.request_id, self.made.pop(request.request_id, None)
        if request.act == "repost":
            self.reposts[name] = request.expires_at
        if request.next_update is not None:
            text = " ".join(request.text.split())[:WORDS]
            cleared = before is not None and before.cleared
            self.made[name] = Promise(request.next_update, request.author, text, cleared)

    def note_cleared(self, request_id: str, before: Iterable[str]) -> None:
        """Note that a request was cleared: what it comes after has its update. A repost says nothing new."""
        if request_id in self.made:
            self.made[request_id].cleared = True
        if request_id not in self.reposts:
            for name in before:
                self.made.pop(name, None)

    def forget(self, withdrawn: Container[str], now: datetime) -> None:
        """Forget what is not spoken of any more."""
        gone = [name for name, one in self.made.items() if now >= one.by + KEPT or name in withdrawn]
        for name in gone:
            del self.made[name]
        for name in [name for name, ends in self.reposts.items() if now >= ends + KEPT]:
            del self.reposts[name]

    def open(self, withdrawn: Container[str], now: datetime) -> Iterator[Waiting]:
        """Yield what is promised soon, or overdue, as something that waits for its author."""
        for name, one in self.made.items():
            if one.cleared and name not in withdrawn and one.by - WARN_BEFORE <= now < one.by + KEPT:
                yield Waiting(
                    name,
                    one.by - WARN_BEFORE,
                    one.author,
                    one.text,
                    True,
                    "it promised an update, and none was cleared yet",
                    f"onevoice update {name} TEXT; or onevoice all-clear {name}",
                    one.by,
                    promised=True,
                )
