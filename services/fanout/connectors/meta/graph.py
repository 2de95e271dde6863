"""Calls of Meta's Graph API, its listings, and what its errors mean (developers.facebook.com, "Handling errors")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from services.fanout.connectors.calls.ahead import ahead_of
from services.fanout.connectors.calls.http import Answer, Endpoint, Http, Outcome
from services.fanout.connectors.calls.outcomes import fields_of, json_of
from services.fanout.connectors.calls.refusals import cannot_tell, refusal, wait_asked
from services.fanout.connectors.contract import CannotTell, Cause, Permanent, Retryable, Unknown
from services.kernel.base.clock import Clock

_PAGES = 5
_MARGIN = timedelta(seconds=30)
"""How far two clocks that were compared by the Date header (whole seconds, and an answer's way) may still be apart."""
_WAIT = frozenset({4, 9, 17, 32, 341, 368, 613, 1390008, *range(80_000, 80_015)})
"""Limits of application, user and page, too fast, and blocked for a while; from 80000 on those that Meta counts for a
business' tokens, a system user's and a Page's ("Rate limits", business use cases)."""
_CREDENTIAL = frozenset({102, 190, 459, 464, 490})
"""The session or the token is over, or the account behind it must be looked after."""
_RIGHTS = frozenset({3, 10, *range(200, 300)})
"""A right is missing ("200-299: API permission"): somebody gives it, so what waits is not lost."""
_NOT_KNOWN = frozenset({1, 2})
"""Meta's own trouble; it has been seen to answer so and publish."""


@dataclass(frozen=True)
class Page:
    """A Page and its token, and until when a call may last (the loop's time)."""

    id: str
    token: str = field(repr=False)
    deadline: float


@dataclass(frozen=True)
class Listed:
    """What an edge lists, and how far our clock is ahead of the platform's."""

    rows: list[dict[str, Any]]
    ahead: timedelta

    def since(self, made_at: datetime) -> datetime:
        """Return when a request was made, by the platform's clock: a little earlier to be sure, never later."""
        return made_at - self.ahead - _MARGIN


class Graph:
    """Calls one server; ``version`` is the Graph API's, as it is in a path."""

    def __init__(self, server: str, version: str, clock: Clock) -> None:
        self._server = server.rstrip("/")
        self._base = f"{self._server}/{version}"
        self._clock = clock
        self._http = Http(128)

    async def call(
        self,
        page: Page,
        method: str,
        path: str,
        *,
        value: Mapping[str, Any] | None = None,
        data: aiohttp.FormData | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Make one call; the token goes into a header, never into an address."""
        endpoint = Endpoint(self._base, page.token, page.deadline)
        return await self._http.call(endpoint, method, path, value=value, data=data, query=query)

    async def renew(self, page: Page, grant: str) -> Outcome:
        """Ask for a newer token; Meta documents this call with the old one in its address alone."""
        query = {"grant_type": grant, "access_token": page.token}
        endpoint = Endpoint(self._server, "", page.deadline, (page.token,))
        return await self._http.call(endpoint, "GET", "/refresh_access_token", query=query)

    async def listed(
        self,
        page: Page,
        path: str,
        query: Mapping[str, str],
        what: str,
        *,
        until: Callable[[dict[str, Any]], bool] = lambda _row: False,
    ) -> list[dict[str, Any]] | CannotTell:
        """Return what an edge lists, as ``listed_with_clock`` does, without the platform's time."""
        found = await self.listed_with_clock(page, path, query, what, until=until)
        return found if isinstance(found, CannotTell) else found.rows

    async def listed_since(
        self, page: Page, path: str, query: Mapping[str, str], what: str, made_at: datetime
    ) -> Listed | CannotTell:
        """Return what an edge lists since a request was made by our clock, which may be ahead of the platform's."""
        since = made_at - 2 * _MARGIN
        for _ in range(2):
            asked = {**query, "since": str(int(since.timestamp()))}
            found = await self.listed_with_clock(page, path, asked, what)
            if isinstance(found, CannotTell) or found.since(made_at) >= since:
                return found
            since = found.since(made_at) - _MARGIN
        return CannotTell(f"the platform does not list {what} by one and the same clock")

    async def listed_with_clock(
        self,
        page: Page,
        path: str,
        query: Mapping[str, str],
        what: str,
        *,
        until: Callable[[dict[str, Any]], bool] = lambda _row: False,
    ) -> Listed | CannotTell:
        """Return what an edge lists, page by page to its end, or to the page with the row that is looked for.

        Args:
            page: whose token asks.
            path: the edge.
            query: the fields that are wanted, and how many a page.
            what: of what it is a list, in plain words.
            until: says whether a row is the one that is looked for.
        """
        found: list[dict[str, Any]] = []
        asked, ahead = dict(query), timedelta(0)
        for _ in range(_PAGES):
            outcome = await self.call(page, "GET", path, query=asked)
            body = json_of(outcome)
            rows = body.get("data") if isinstance(body, dict) else None
            if not isinstance(body, dict) or not isinstance(rows, list) or not all(map(_is_row, rows)):
                return self._not_listed(what, outcome)
            found += rows
            ahead = max(ahead, ahead_of(outcome, self._clock) or timedelta(0))
            after = _after(body)
            # A page may be empty by what is left out of it: as long as a cursor goes on, so does the list.
            if after == "" or (after is None and not rows) or any(map(until, rows)):
                return Listed(found, ahead)
            if after is None:
                return CannotTell(f"the platform lists more of {what}, and does not say from where on")
            asked["after"] = after
        return CannotTell(f"the platform lists more of {what} than are read: over {_PAGES} pages")

    def _not_listed(self, what: str, outcome: Outcome) -> CannotTell:
        """Return that a listing was refused; Meta's code says whose trouble it is."""
        reason = f"the platform does not list {what}"
        if error_code(outcome) is None:
            return cannot_tell(reason, outcome, self._clock)
        why = self.meaning(outcome)
        reason = f"{reason}: {why.reason}"
        if isinstance(why, Permanent):
            return cannot_tell(reason, outcome, self._clock)
        return CannotTell(reason, why.cause, why.after)

    def unread(self, what: str, error: Exception) -> CannotTell:
        """Return that a listing came, and cannot be read."""
        return CannotTell(f"the platform does not list {what} so that it can be read: {type(error).__name__}")

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    def meaning(self, outcome: Outcome) -> Retryable | Permanent | Unknown:
        """Say what a call that did not succeed means: Meta's code says it, not the status."""
        code = error_code(outcome)
        if code is None or not isinstance(outcome, Answer):
            return refusal(outcome, self._clock)
        if code in _CREDENTIAL | _RIGHTS:
            return Retryable(f"the platform refuses the credential: {outcome.words}", cause=Cause.CREDENTIAL)
        if code in _WAIT:
            return Retryable(f"the platform asks to wait: {outcome.words}", after=wait_asked(outcome, self._clock))
        if code in _NOT_KNOWN or outcome.status >= 500 or _is_transient(outcome):
            return Unknown(f"the platform failed: {outcome.words}", Cause.HOST)
        return Permanent(outcome.words)


def _is_row(value: Any) -> bool:
    """Say whether it is a thing with an id, as each is that an edge lists."""
    return isinstance(value, dict) and isinstance(value.get("id"), str)


def _after(body: Mapping[str, Any]) -> str | None:
    """Return where the next page begins, empty at the end; None: there is one, and no cursor to it."""
    paging = body.get("paging")
    if not isinstance(paging, dict) or "next" not in paging:
        return ""
    cursors = paging.get("cursors")
    return (str(cursors.get("after") or "") if isinstance(cursors, dict) else "") or None


def error_code(outcome: Outcome) -> int | None:
    """Return Meta's error code, its subcode where that says more; None: the answer has none."""
    body = fields_of(outcome)
    error = body.get("error")
    if not isinstance(error, dict) or not isinstance(error.get("code"), int):
        return None
    subcode = error.get("error_subcode")
    return subcode if subcode in _WAIT else int(error["code"])


def _is_transient(outcome: Outcome) -> bool:
    error = fields_of(outcome).get("error")
    return isinstance(error, dict) and error.get("is_transient") is True


def text_of(outcome: Outcome, key: str) -> str:
    """Return a field of a 200 answer, empty where it has none."""
    body = json_of(outcome)
    found = body.get(key) if isinstance(body, dict) else None
    return found if isinstance(found, str) else ""
