"""What posts wait for without an attempt on record, for people to see: in the heartbeat, the most urgent first."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.events.shown import PostWait
from services.fanout.domain.step import Place, Wait
from services.fanout.hosts.line import Priority
from services.kernel.base.clock import Clock

SHOWN = 200
"""Lines of a heartbeat: each says what posts of one request wait for."""

NAMED = 1_000
"""Profiles that the lines of a heartbeat name in all."""

ALIKE = 10
"""Seconds within which the ends of waits are one: posts that wait for the same are not looked at in the same moment."""


class _Noted(NamedTuple):
    priority: Priority
    reason: str
    until: datetime


class _Line(NamedTuple):
    """What posts of a request, by profile, wait for together; the more urgent is less."""

    priority: Priority
    profiles: list[str]
    request_id: str
    reason: str
    until: datetime


class Waits:
    """The waits of one instance."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waits: dict[tuple[str, str], _Noted] = {}

    def note(self, place: Place, wait: Wait) -> None:
        """Remember for what a post waits, and until when: until it comes, or the next look."""
        seconds = min(wait.delay, 3_600.0) if wait.over_in is None else wait.over_in
        until = self._clock.now() + timedelta(seconds=seconds)
        self._waits[place.request_id, place.profile] = _Noted(place.state.priority, wait.reason, until)

    def over(self, request_id: str, profile: str) -> None:
        """Forget a wait."""
        self._waits.pop((request_id, profile), None)

    def count(self) -> int:
        """Return how many posts wait."""
        return len(self._waits)

    def shown(self) -> tuple[PostWait, ...]:
        """Return the most urgent waits, as many as a heartbeat carries; no request has a second before all have one."""
        counts, ranked = Counter[str](), list[tuple[int, _Line]]()
        for line in sorted(self._lines()):
            ranked.append((counts[line.request_id], line))
            counts[line.request_id] += 1
        chosen = sorted(line for _, line in heapq.nsmallest(SHOWN, ranked))
        named = _named(chosen)
        return tuple(_told(line, room) for line, room in zip(chosen, named, strict=True))

    def _lines(self) -> list[_Line]:
        found: dict[tuple[Priority, str, str, int], list[tuple[str, datetime]]] = defaultdict(list)
        for (request_id, profile), one in self._waits.items():
            ends = int(one.until.timestamp()) // ALIKE
            found[one.priority, request_id, one.reason, ends].append((profile, one.until))
        return [
            _Line(priority, sorted(name for name, _ in posts), request_id, reason, max(until for _, until in posts))
            for (priority, request_id, reason, _), posts in found.items()
        ]


def _named(lines: list[_Line]) -> list[int]:
    """Return how many profiles each line names: what one with few leaves goes to those with many."""
    rooms, left = [0] * len(lines), NAMED
    by_size = sorted(range(len(lines)), key=lambda place: len(lines[place].profiles))
    for done, place in enumerate(by_size):
        rooms[place] = min(len(lines[place].profiles), left // (len(lines) - done))
        left -= rooms[place]
    return rooms


def _told(line: _Line, room: int) -> PostWait:
    first, *others = line.profiles
    return PostWait(
        request_id=line.request_id,
        profile=first,
        reason=line.reason,
        until=line.until,
        also=tuple(others[: room - 1]) or None,
        count=len(line.profiles) if others else None,
    )
