"""Looks through an account's own statuses for a message, back to the time when it was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.fanout.connectors.contract import CannotTell
from services.fanout.connectors.http import Answer, Endpoint, Http, cannot_tell
from services.fanout.connectors.mastodon.media import SAFE_ID
from services.fanout.connectors.mastodon.text import Status, longest_chain, read_status, same
from services.fanout.connectors.waits import server_time
from services.kernel.base.clock import Clock

_PAGE = 40
_PAGES = 15
_SOURCES = 30
_MARGIN = timedelta(seconds=10)
"""How far two clocks that were compared by the Date header (whole seconds) may still be apart."""


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
) -> list[Status] | CannotTell:
    """Return the parts of a message that stand, in order; empty only when the listing surely covers the time since.

    ``answers`` is the id of the status that the first part answers, None for none.
    The texts are compared with the source of a status (as it was sent); its HTML is only a first look.
    """
    listing = await _list(http, clock, endpoint, account_id, made_at)
    if isinstance(listing, CannotTell):
        return listing
    recent = [status for status in listing.statuses if status.created_at >= listing.since]
    texts = await _sources(http, clock, endpoint, recent, parts)
    if isinstance(texts, CannotTell):
        return texts
    return longest_chain(parts, recent, lambda status, part: same(texts[status.id], part), answers)


async def _list(
    http: Http, clock: Clock, endpoint: Endpoint, account_id: str, made_at: datetime
) -> _Listing | CannotTell:
    statuses: list[Status] = []
    query = {"limit": str(_PAGE), "exclude_reblogs": "true"}
    for _ in range(_PAGES):
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
    return CannotTell(f"the account posted more than {_PAGES * _PAGE} times since the request was made")


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


async def _sources(
    http: Http, clock: Clock, endpoint: Endpoint, recent: Sequence[Status], parts: Sequence[str]
) -> dict[str, str] | CannotTell:
    """Return each status' text as it was sent, as far as it matters; where a server has no source, its HTML's text.

    Those that look like a part are asked for. When none looks like one, all are, up to a bound: a server may show a
    text otherwise than it was sent.
    """
    texts = {status.id: status.text for status in recent}
    alike = [status for status in recent if any(same(status.text, part) for part in parts)]
    if not alike and len(recent) > _SOURCES:
        return CannotTell(f"{len(recent)} posts since then, and none of them shows the text as it was sent")
    for status in alike or recent:
        outcome = await http.call(endpoint, "GET", f"/api/v1/statuses/{status.id}/source")
        if not isinstance(outcome, Answer):
            return cannot_tell(f"the platform cannot be asked: {outcome.reason}", outcome, clock)
        if outcome.status == 200 and isinstance(outcome.body, dict) and "text" in outcome.body:
            texts[status.id] = str(outcome.body["text"])
        elif outcome.status not in (404, 405, 410, 501):
            return cannot_tell(f"the platform does not show what was sent: {outcome.words}", outcome, clock)
    return texts
