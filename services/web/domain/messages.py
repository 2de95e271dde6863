"""The newest messages, by what the board's stream told of them: for lists, search, and what holds now. Pure."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from schemas.events.desk import BoardEvent
from schemas.platforms import MIRROR
from schemas.subjects import place_of

KEPT = 2_000
"""Messages that lists and the live pages look at."""

KEPT_OLDER = 50_000
"""Messages before those that are found too; still older ones are found by their whole id."""

MOST_EARLY = 5_000

_ENDS = frozenset({"correct", "recall", "all_clear"})
"""What makes an earlier message hold no more."""


@dataclass
class MessageLine:
    """One message in a list. ``posts``: the profiles that carry it."""

    request_id: str
    seq: int
    at: datetime
    author: str
    text: str
    severity: str | None
    crisis: bool
    act: str | None
    about: str | None
    ends: datetime | None
    targets: int
    language: str | None
    not_before: datetime | None = None
    outcome: str = ""
    posts: set[str] = field(default_factory=set)

    def holds(self, now: datetime) -> bool:
        """True when it stands out there and has not run out."""
        return bool(self.posts) and self.act != "recall" and (self.ends is None or self.ends > now)


class MessageIndex:
    """The newest messages, oldest first; ``older``, if there is one, holds those before them."""

    def __init__(self, kept: int = KEPT, older: MessageIndex | None = None) -> None:
        self._kept = kept
        self.older = older
        self._lines: dict[str, MessageLine] = {}
        self._early: dict[str, list[tuple[str, str, str]]] = {}
        """What was told of messages from before the first entry here: kind, profile and outcome."""

    def line(self, request_id: str) -> MessageLine | None:
        """Return a message, here or among the older ones."""
        found = self._lines.get(request_id)
        return self.older.line(request_id) if found is None and self.older is not None else found

    def add(self, event: BoardEvent) -> None:
        """Take an entry; one that cannot be read, or is of no message here, changes nothing."""
        kind, request_id, profile = place_of(event.subject)
        try:
            if kind == "request":
                self._request(request_id, event)
            elif kind in ("verdict", "receipt"):
                outcome = str(event.body["outcome"])
                if (line := self.line(request_id)) is not None:
                    self._more(kind, profile, line, outcome)
                else:
                    self._early.setdefault(request_id, []).append((kind, profile, outcome))
                    if len(self._early) > MOST_EARLY:
                        del self._early[next(iter(self._early))]
        except (KeyError, ValueError, TypeError, IndexError):
            return

    def _request(self, request_id: str, event: BoardEvent) -> None:
        body = event.body
        content = json.loads(body["renderings"][0]["body"])
        ends = content.get("expires")
        self._lines[request_id] = MessageLine(
            request_id,
            event.seq,
            event.at,
            str(body["author"]),
            " ".join(str(body["text"]).split()),
            body.get("severity"),
            bool(body.get("crisis")),
            content.get("act"),
            body.get("replaces") or body.get("follows"),
            _time(ends),
            len(body["targets"]),
            (content.get("languages") or [content.get("language")])[0],
            _time(body.get("not_before")),
        )
        while len(self._lines) > self._kept:
            oldest = self._lines.pop(next(iter(self._lines)))
            if self.older is not None:
                self.older.keep(oldest)

    def _more(self, kind: str, profile: str, line: MessageLine, outcome: str) -> None:
        if kind == "verdict":
            line.outcome = outcome
        if kind == "receipt" and profile != MIRROR and outcome in ("delivered", "recalled"):
            line.posts.add(sys.intern(profile))

    def family(self, request_id: str) -> list[MessageLine]:
        """Return a message, what it follows, and what follows it; none where one of them is not known here."""
        found, left = {}, {request_id}
        while left:
            name = left.pop()
            line = self._lines.get(name)
            if line is None:
                return []
            found[name] = line
            near = {one.request_id for one in self._lines.values() if one.about == name} | ({line.about} - {None})
            left |= {one for one in near if one is not None and one not in found}
        return list(found.values())

    def add_older(self, event: BoardEvent) -> None:
        """Take an entry from before the first one here; what was told of its message already counts for it."""
        if self.older is None:
            return
        self.older.add(event)
        request_id = place_of(event.subject).request_id
        line = self.older.line(request_id)
        if line is None:
            return
        for kind, profile, outcome in self._early.pop(request_id, ()):
            self._more(kind, profile, line, outcome)

    def keep(self, line: MessageLine) -> None:
        """Take in a message that is known already."""
        self._lines[line.request_id] = line
        while len(self._lines) > self._kept:
            del self._lines[min(self._lines.values(), key=lambda one: one.seq).request_id]

    def newest_first(self) -> Iterator[MessageLine]:
        """Yield all messages that are known, those that are kept as older last."""
        yield from sorted(self._lines.values(), key=lambda line: -line.seq)
        if self.older is not None:
            yield from self.older.newest_first()

    def search(self, words: str, limit: int = 100) -> list[MessageLine]:
        """Return the newest messages in whose text, author or id each word stands, newest first."""
        wanted = words.casefold().split()

        def fits(line: MessageLine) -> bool:
            hay = f"{line.request_id} {line.author} {line.text}".casefold()
            return all(word in hay for word in wanted)

        return list(islice(filter(fits, self.newest_first()), limit))

    def holding(self, now: datetime) -> list[MessageLine]:
        """Return what stands out there and still applies, newest first."""
        every = list(self.newest_first())
        ended = {line.about for line in every if line.act in _ENDS and line.posts}
        return [line for line in every if line.holds(now) and line.request_id not in ended]

    def __len__(self) -> int:
        return len(self._lines) + (len(self.older) if self.older is not None else 0)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
