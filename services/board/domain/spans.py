"""What a request's way through the ledger is as spans of one trace. Pure: entries in, finished spans out.

Trace and span ids follow from the request and the ledger's order, so that two boards tell the same spans, and a log
line's request id leads to its trace. No word of a message and no person's name goes out.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas import subjects
from schemas.platforms import MIRROR

MOST_OPEN = 10_000
"""Requests that are followed at a time; the oldest one's trace is left without its end then."""

_TOLD = ("author_kind", "crisis", "severity", "scope")
_BAD = frozenset({"refused", "failed", "unconfirmed"})


@dataclass(frozen=True)
class LedgerSpan:
    """One finished span; times are the server's stamps. ``parent`` is None for the request itself."""

    service: str
    name: str
    trace: int
    id: int
    parent: int | None
    start: datetime
    end: datetime
    attributes: Mapping[str, str | int | bool] = field(default_factory=dict)
    ok: bool = True


@dataclass
class _Followed:
    """A request that is under way: ``waits_since`` a blocked verdict, ``wanted`` the profiles of the cleared one."""

    at: datetime
    about: dict[str, str | int | bool]
    newest: datetime
    waits_since: datetime | None = None
    wanted: frozenset[str] = frozenset()
    ended: set[str] = field(default_factory=set)
    attempts: dict[int, datetime] = field(default_factory=dict)


def trace_of(realm: str, request_id: str) -> int:
    """Return the trace id (128 bits) of a request."""
    return _number(f"{realm}.{request_id}", 16)


class SpanTracker:
    """Follows requests from their entry on; what began before it was made is passed over."""

    def __init__(self, realm: str, most: int = MOST_OPEN) -> None:
        self._realm, self._most = realm, most
        self._open: OrderedDict[str, _Followed] = OrderedDict()

    def take(self, seq: int, subject: str, at: datetime, body: Mapping[str, Any]) -> tuple[LedgerSpan, ...]:
        """Return the spans that end with an entry that counts."""
        kind, request_id, name = subjects.place_of(subject)
        if kind == "request":
            self._begin(request_id, at, body)
            return (self._span("intake", "accepted", request_id, seq, at, at),)
        followed = self._open.get(request_id)
        if followed is None:
            return ()
        match kind:
            case "approval":
                return self._approval(request_id, followed, seq, at)
            case "verdict":
                return self._verdict(request_id, followed, seq, at, body)
            case "attempt":
                followed.attempts[seq] = at
            case "receipt":
                return self._receipt(request_id, followed, seq, name, at, body)
        return ()

    def _begin(self, request_id: str, at: datetime, body: Mapping[str, Any]) -> None:
        about = {name: body[name] for name in _TOLD if body.get(name) is not None}
        about["onevoice.request_id"], about["onevoice.realm"] = request_id, self._realm
        self._open[request_id] = _Followed(at, about, at)
        if len(self._open) > self._most:
            self._open.popitem(last=False)

    def _approval(self, request_id: str, followed: _Followed, seq: int, at: datetime) -> tuple[LedgerSpan, ...]:
        since, followed.newest, followed.waits_since = followed.waits_since, at, None
        return (self._span("people", "wait for an approval", request_id, seq, since or followed.at, at),)

    def _verdict(
        self, request_id: str, followed: _Followed, seq: int, at: datetime, body: Mapping[str, Any]
    ) -> tuple[LedgerSpan, ...]:
        outcome, since = str(body.get("outcome")), followed.newest
        facts: dict[str, str | int | bool] = {"outcome": outcome, "posture": str(body.get("posture"))}
        followed.newest = at
        decided = self._span("gatekeeper", "decide", request_id, seq, since, at, facts, ok=outcome not in _BAD)
        if outcome == "blocked":
            followed.waits_since = followed.waits_since or at
        elif outcome == "cleared":
            followed.wanted = frozenset(body.get("targets", ())) | ({MIRROR} if body.get("mirror") else set())
        return (decided, *self._ending(request_id, followed, at, "refused" if outcome == "refused" else ""))

    def _receipt(
        self, request_id: str, followed: _Followed, seq: int, profile: str, at: datetime, body: Mapping[str, Any]
    ) -> tuple[LedgerSpan, ...]:
        outcome = str(body.get("outcome"))
        if body.get("final"):
            followed.ended.add(profile)
        began = followed.attempts.pop(body.get("attempt_seq") or 0, None)
        ended = self._ending(request_id, followed, at, "")
        if began is None:
            return ended
        facts: dict[str, str | int | bool] = {
            "outcome": outcome, "profile": profile, "platform": str(body.get("platform")),
        }  # fmt: skip
        return (
            self._span("fanout", f"post to {profile}", request_id, seq, began, at, facts, ok=outcome not in _BAD),
            *ended,
        )

    def _ending(self, request_id: str, followed: _Followed, at: datetime, said: str) -> tuple[LedgerSpan, ...]:
        """Return the request's own span when nothing more is to come."""
        done = bool(followed.wanted) and followed.wanted <= followed.ended
        if not said and not done:
            return ()
        del self._open[request_id]
        trace = trace_of(self._realm, request_id)
        about = {**followed.about, "outcome": said or "settled on each profile"}
        return (LedgerSpan("intake", "message", trace, _root(trace), None, followed.at, at, about, ok=not said),)

    def _span(
        self,
        service: str,
        name: str,
        request_id: str,
        seq: int,
        start: datetime,
        end: datetime,
        facts: Mapping[str, str | int | bool] | None = None,
        *,
        ok: bool = True,
    ) -> LedgerSpan:
        trace = trace_of(self._realm, request_id)
        attributes = {"onevoice.request_id": request_id, "onevoice.seq": seq, **(facts or {})}
        return LedgerSpan(service, name, trace, _number(f"{trace}.{seq}", 8), _root(trace), start, end, attributes, ok)


def _root(trace: int) -> int:
    return _number(f"{trace}.message", 8)


def _number(text: str, size: int) -> int:
    """Return a number of so many bytes that follows from a text; never 0, which no id may be."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "big") or 1
