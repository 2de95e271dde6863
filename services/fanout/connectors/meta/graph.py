"""Calls of Meta's Graph API, its listings, and what its errors mean (developers.facebook.com, "Handling errors")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from services.fanout.connectors.contract import CannotTell, Cause, Permanent, Retryable, Unknown
from services.fanout.connectors.http import Answer, Endpoint, Http, Outcome, cannot_tell, refusal, wait_asked
from services.kernel.base.clock import Clock

_PAGES = 5
_WAIT = frozenset({4, 17, 32, 341, 368, 613, 1390008})
"""Limits of application, user and page, too fast, and blocked for a while."""
_CREDENTIAL = frozenset({102, 190, 459, 464, 490})
"""The session or the token is over, or the account behind it must be looked after."""
_RIGHTS = frozenset({10, 200, 210, 230, 299})
"""A right is missing: somebody gives it, so what waits is not lost."""
_NOT_KNOWN = frozenset({1, 2})
"""Meta's own trouble; it has been seen to answer so and publish."""


@dataclass(frozen=True)
class Page:
    """A Page and its token, and until when a call may last (the loop's time)."""

    id: str
    token: str = field(repr=False)
    deadline: float


class Graph:
    """Calls one server; ``version`` is the Graph API's, as it is in a path."""

    def __init__(self, server: str, version: str, clock: Clock) -> None:
        self._base = f"{server.rstrip('/')}/{version}"
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

    async def listed(
        self, page: Page, path: str, query: Mapping[str, str], what: str
    ) -> list[dict[str, Any]] | CannotTell:
        """Return what an edge lists, page by page to its end; ``what`` says of what it is a list, in plain words."""
        found: list[dict[str, Any]] = []
        asked = dict(query)
        for _ in range(_PAGES):
            outcome = await self.call(page, "GET", path, query=asked)
            body = outcome.body if isinstance(outcome, Answer) and outcome.status == 200 else None
            rows = body.get("data") if isinstance(body, dict) else None
            if not isinstance(body, dict) or not isinstance(rows, list) or not all(isinstance(x, dict) for x in rows):
                return cannot_tell(f"the platform does not list {what}", outcome, self._clock)
            found += rows
            after = _after(body)
            if not after:
                return found
            asked["after"] = after
        return CannotTell(f"the platform lists more of {what} than are read: over {_PAGES} pages")

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
        if code in _NOT_KNOWN or outcome.status >= 500:
            return Unknown(f"the platform failed: {outcome.words}", Cause.HOST)
        return Permanent(outcome.words)


def _after(body: Mapping[str, Any]) -> str:
    """Return where the next page begins, empty at the end."""
    paging = body.get("paging")
    if not isinstance(paging, dict) or "next" not in paging:
        return ""
    cursors = paging.get("cursors")
    return str(cursors.get("after", "")) if isinstance(cursors, dict) else ""


def error_code(outcome: Outcome) -> int | None:
    """Return Meta's error code, its subcode where that says more; None: the answer has none."""
    body = outcome.body if isinstance(outcome, Answer) and isinstance(outcome.body, dict) else {}
    error = body.get("error")
    if not isinstance(error, dict) or not isinstance(error.get("code"), int):
        return None
    subcode = error.get("error_subcode")
    return subcode if subcode in _WAIT else int(error["code"])


def text_of(outcome: Outcome, key: str) -> str:
    """Return a field of a 200 answer, empty where it has none."""
    body = outcome.body if isinstance(outcome, Answer) and outcome.status == 200 else None
    found = body.get(key) if isinstance(body, dict) else None
    return found if isinstance(found, str) else ""
