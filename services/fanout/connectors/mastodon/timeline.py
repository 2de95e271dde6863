"""Looks through an account's own statuses for a message, back to the time when it was made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.fanout.connectors.calls.http import Answer, Endpoint, Http
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.calls.waits import server_time
from services.fanout.connectors.chains import Status, longest_chain, same
from services.fanout.connectors.contract import CannotTell
from services.fanout.connectors.mastodon.ids import SAFE_ID
from services.fanout.connectors.mastodon.text import read_status, short
from services.kernel.base.clock import Clock

_SOURCES = 150
"""How many statuses' sources a look asks for: half of what Mastodon lets an account ask in five minutes."""
_AT_ONCE = 10
_MARGIN = timedelta(seconds=10)
"""How far two clocks that were compared by the Date header (whole seconds) may still be apart."""


@dataclass(frozen=True)
class TimelineDepth:
    """How far an account's own statuses are looked through: so many ``pages`` of ``size``."""

    size: int = 40
    pages: int = 15


USUAL_DEPTH = TimelineDepth()


@dataclass(frozen=True)
class _Listing:
    """The statuses since a time; ``since`` is in the server's clock."""

    statuses: list[Status]
    since: datetime


async def find(
    http: Http,
    clock: Clock,
    endpoint: Endpoint,
    account_id: str,
    parts: Sequence[str],
    made_at: datetime,
    answers: str | None,
    depth: TimelineDepth = USUAL_DEPTH,
) -> list[Status] | CannotTell:
    """Return the parts of a message that stand, in order; empty only when the listing surely covers the time since.

    ``answers`` is the id of the status that the first part answers, None for none.
    The texts are compared with the source of a status (as it was sent); its HTML is only a first look.
    """
    listing = await _list(http, clock, endpoint, account_id, made_at, depth)
    if isinstance(listing, CannotTell):
        return listing
    recent = [status for status in listing.statuses if status.created_at >= listing.since]
    sources = _Sources(http, clock, endpoint, {status.id: status.text for status in recent})
    failed = await sources.read(_alike(recent, parts))
    while failed is None:
        chain = longest_chain(parts, recent, sources.is_part, answers, sources.is_sure)
        # A server may show a text otherwise than it was sent: before a part is missing, its source is asked for.
        last = chain[-1].id if chain else answers
        unread = [one for one in recent if one.reply_to == last and not sources.was_asked(one)]
        if len(chain) == len(parts) or not unread:
            return chain
        if len(unread) > _SOURCES:
            return CannotTell(f"{len(unread)} posts since then, and none of them shows the text as it was sent")
        failed = await sources.read(unread)
    return failed


async def _list(
    http: Http, clock: Clock, endpoint: Endpoint, account_id: str, made_at: datetime, depth: TimelineDepth
) -> _Listing | CannotTell:
    statuses: list[Status] = []
    query = {"limit": str(depth.size), "exclude_reblogs": "true"}
    for _ in range(depth.pages):
        outcome = await http.call(endpoint, "GET", f"/api/v1/accounts/{account_id}/statuses", query=query)
        if not isinstance(outcome, Answer):
            return cannot_tell(f"the platform cannot be asked: {outcome.reason}", outcome, clock)
        page = _read_page(outcome, clock)
        if isinstance(page, CannotTell):
            return page
        since = _since(outcome, clock, made_at)
        statuses += page
        if not page or page[-1].created_at < since:
            return _Listing(statuses, since)
        query["max_id"] = page[-1].id
    return CannotTell(f"the account posted more than {depth.pages * depth.size} times since the request was made")


def _read_page(outcome: Answer, clock: Clock) -> list[Status] | CannotTell:
    if outcome.status != 200 or not isinstance(outcome.body, list):
        return cannot_tell(f"the platform does not list the account's posts: {outcome.words}", outcome, clock)
    try:
        page = [read_status(value) for value in outcome.body]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return CannotTell(f"the platform's listing cannot be read: {error}")
    if not all(SAFE_ID.fullmatch(status.id) for status in page):
        return CannotTell("the platform's listing has ids that cannot be used")
    return page


def _since(outcome: Answer, clock: Clock, made_at: datetime) -> datetime:
    """Return when the request was made, by the server's clock, a little earlier to be sure."""
    theirs = server_time(outcome.headers)
    ours = clock.now()
    return made_at + (theirs - ours if theirs is not None else timedelta(0)) - _MARGIN


def _alike(recent: Sequence[Status], parts: Sequence[str]) -> list[Status]:
    wanted = [short(part) for part in parts]
    return [status for status in recent if any(same(short(status.text), part) for part in wanted)]


class _Sources:
    """Each status' text as it was sent, as far as it was asked for; where a server has no source, its HTML's text."""

    def __init__(self, http: Http, clock: Clock, endpoint: Endpoint, texts: dict[str, str]) -> None:
        self._http, self._clock, self._endpoint = http, clock, endpoint
        self._texts = texts
        self._asked: set[str] = set()
        self._given: set[str] = set()

    def is_part(self, status: Status, part: str) -> bool:
        """Say whether a status has a part's text; where only its HTML says, mentions may lack their host."""
        text = self._texts[status.id]
        return same(text, part) if status.id in self._given else same(short(text), short(part))

    def was_asked(self, status: Status) -> bool:
        """Say whether a status' source was asked for."""
        return status.id in self._asked

    def is_sure(self, status: Status) -> bool:
        """Say whether the server gave a status' source."""
        return status.id in self._given

    async def read(self, statuses: Sequence[Status]) -> CannotTell | None:
        """Ask for sources, several at a time; None when all were answered."""
        for begin in range(0, len(statuses), _AT_ONCE):
            failed = await asyncio.gather(*map(self._read, statuses[begin : begin + _AT_ONCE]))
            if why := next(filter(None, failed), None):
                return why
        return None

    async def _read(self, status: Status) -> CannotTell | None:
        outcome = await self._http.call(self._endpoint, "GET", f"/api/v1/statuses/{status.id}/source")
        if not isinstance(outcome, Answer):
            return cannot_tell(f"the platform cannot be asked: {outcome.reason}", outcome, self._clock)
        text = outcome.body.get("text") if isinstance(outcome.body, dict) else None
        if outcome.status == 200 and isinstance(text, str):
            self._texts[status.id] = text
            self._given.add(status.id)
        elif outcome.status not in (404, 405, 410, 501):
            reason = f"the platform does not show what was sent: {outcome.words}"
            return cannot_tell(reason, outcome, self._clock)
        self._asked.add(status.id)
        return None
