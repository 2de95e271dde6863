"""The newest messages, by what the ledger's entries tell of them: for lists, search, and what holds now. Pure."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from schemas.events.desk import BoardEvent
from schemas.platforms import MIRROR
from schemas.subjects import place_of
from services.desk.views.timetext import utc

KEPT = 2_000
"""Messages that are kept; older ones are found by their whole id."""

KEPT_OLDER = 20_000
"""Messages before those, where they are kept too."""

MOST_EARLY = 5_000
"""Messages of which something came before the message itself."""

_ENDS = frozenset({"correct", "recall", "all_clear"})
"""What makes an earlier message hold no more."""


@dataclass(slots=True)
class MessageLine:
    """One message in a list. ``posts``: the profiles that carry it; ``addresses``: where, if its index keeps them."""

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
    posts: tuple[str, ...] = ()
    addresses: dict[str, str] = field(default_factory=dict)
    ended_by: str | None = None

    def became(self) -> str:
        """Say in a few words what became of it."""
        said = self.outcome or "not decided yet"
        if self.posts:
            said = f"on {len(self.posts)} profile{'s' if len(self.posts) != 1 else ''}"
        return f"{said}; ended by {self.ended_by}" if self.ended_by else said

    def holds(self, now: datetime) -> bool:
        """True when it stands out there and still applies."""
        return (
            bool(self.posts)
            and self.ended_by is None
            and self.act != "recall"
            and (self.ends is None or self.ends > now)
        )


class MessageIndex:
    """The newest messages, oldest first, ``kept`` of them at most; ``older``, if there is one, takes those before.

    An address of each post is most of what a message takes: they are kept only where they are wanted (``addresses``).
    """

    def __init__(self, kept: int = KEPT, older: MessageIndex | None = None, *, addresses: bool = False) -> None:
        self._kept = kept
        self._addresses = addresses
        self.older = older
        self._lines: dict[str, MessageLine] = {}
        self._early: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
        """What came of messages from before the first entry here: kind, profile, and outcome with address."""
        self._ending: dict[str, list[str]] = {}
        """The corrections, recalls and all-clears here, by the message that they end."""

    def line(self, request_id: str) -> MessageLine | None:
        """Return a message, here or among the older ones."""
        found = self._lines.get(request_id)
        return self.older.line(request_id) if found is None and self.older is not None else found

    @property
    def full(self) -> bool:
        """True when it keeps as many messages as it may."""
        return len(self._lines) >= self._kept

    def add(self, event: BoardEvent) -> None:
        """Take an entry; one that cannot be read, or is of no message here, changes nothing."""
        kind, request_id, profile = place_of(event.subject)
        try:
            if kind == "request":
                self._request(request_id, event)
            elif kind in ("verdict", "receipt"):
                said = {"outcome": str(event.body["outcome"]), "url": event.body.get("url")}
                if (line := self.line(request_id)) is not None:
                    self._more(kind, profile, line, said)
                else:
                    self._early.setdefault(request_id, []).append((kind, profile, said))
                    if len(self._early) > MOST_EARLY:
                        del self._early[next(iter(self._early))]
        except (KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, RecursionError):
            return

    def _request(self, request_id: str, event: BoardEvent) -> None:
        known = self._lines.get(request_id)
        if known is not None and known.seq > event.seq:
            return  # an earlier revision, where the past is read backwards
        body = event.body
        content = json.loads(body["renderings"][0]["body"])
        ends = content.get("expires")
        self._lines[request_id] = line = MessageLine(
            request_id,
            event.seq,
            event.at,
            sys.intern(str(body["author"])),
            " ".join(str(body["text"]).split()),
            _word(body.get("severity")),
            bool(body.get("crisis")),
            _word(content.get("act")),
            _word(body.get("replaces") or body.get("follows")),
            _time(ends),
            len(body["targets"]),
            _word((content.get("languages") or [content.get("language")])[0]),
            _time(body.get("not_before")),
        )
        self._note_ending(line)
        for kind, profile, said in self._early.pop(request_id, ()):
            self._more(kind, profile, line, said)
        while len(self._lines) > self._kept:
            oldest = self._taken(next(iter(self._lines)))
            if self.older is not None:
                self.older.keep(oldest)

    def _note_ending(self, line: MessageLine) -> None:
        if line.about and line.act in _ENDS and line.request_id not in self._ending.get(line.about, ()):
            self._ending.setdefault(line.about, []).append(line.request_id)

    def _taken(self, request_id: str) -> MessageLine:
        line = self._lines.pop(request_id)
        if line.act in _ENDS and (names := self._ending.get(line.about or "")):
            names.remove(request_id)
            if not names:
                del self._ending[line.about or ""]
        return line

    def _ended_by(self, request_id: str) -> str | None:
        """Return what ended a message, here or among the older ones."""
        names = (name for name in self._ending.get(request_id, ()) if self._lines[name].posts)
        found = next(names, None)
        return self.older._ended_by(request_id) if found is None and self.older is not None else found

    def _more(self, kind: str, profile: str, line: MessageLine, body: dict[str, Any]) -> None:
        if kind == "verdict":
            line.outcome = str(body["outcome"])
        if kind == "receipt" and profile != MIRROR and body["outcome"] in ("delivered", "recalled"):
            if profile not in line.posts:
                line.posts += (sys.intern(profile),)
            if self._addresses:
                line.addresses[profile] = str(body.get("url") or "")
            earlier = self.line(line.about or "")
            if earlier is not None and line.act in _ENDS:
                earlier.ended_by = line.request_id

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
        """Take an entry from before the first one here; what came of its message already counts for it.

        They may come in any order. A message that is older than all others is left out when there is no place for it.
        """
        kind, request_id, _ = place_of(event.subject)
        if self.older is None or (kind == "request" and (self.older.full or request_id in self._lines)):
            return
        self.older.add(event)
        line = self.older.line(request_id) if kind == "request" else None
        if line is None:
            return
        for said_kind, profile, said in self._early.pop(request_id, ()):
            self._more(said_kind, profile, line, said)
        line.ended_by = self._ended_by(request_id) or line.ended_by

    def keep(self, line: MessageLine) -> None:
        """Take in a message that is known already."""
        self._lines[line.request_id] = line
        self._note_ending(line)
        while len(self._lines) > self._kept:
            self._taken(min(self._lines.values(), key=lambda one: one.seq).request_id)

    def newest_first(self) -> Iterator[MessageLine]:
        """Yield all messages that are known, the older ones last."""
        yield from sorted(self._lines.values(), key=lambda line: -line.seq)
        if self.older is not None:
            yield from self.older.newest_first()

    def search(self, words: str, limit: int | None = 100) -> list[MessageLine]:
        """Return the newest messages in whose text, author or id each word stands, newest first."""
        wanted = words.casefold().split()

        def fits(line: MessageLine) -> bool:
            hay = f"{line.request_id} {line.author} {line.text}".casefold()
            return all(word in hay for word in wanted)

        return list(islice(filter(fits, self.newest_first()), limit))

    def holding(self, now: datetime) -> list[MessageLine]:
        """Return what stands out there and still applies, newest first."""
        return [line for line in self.newest_first() if line.holds(now)]

    def __len__(self) -> int:
        return len(self._lines) + (len(self.older) if self.older is not None else 0)


def _word(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in place of a word")
    return value


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def line_json(line: MessageLine) -> dict[str, Any]:
    """Return a message of a list for programs."""
    return {
        "request_id": line.request_id,
        "at": utc(line.at),
        "author": line.author,
        "text": line.text,
        "severity": line.severity,
        "crisis": line.crisis,
        "act": line.act,
        "about": line.about,
        "ends": utc(line.ends) if line.ends else None,
        "outcome": line.outcome or None,
        "posts": dict(sorted(line.addresses.items())),
        "ended_by": line.ended_by,
    }
