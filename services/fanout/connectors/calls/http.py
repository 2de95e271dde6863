"""One HTTP call to a platform, and what its outcome says about whether anything was done there. All connectors use it.

A call ends with its deadline and leaves no byte behind (``sockets``), follows no redirect, and reads no more than 1 MB,
packed or unpacked. Waits are measured by the server's own clock (``waits``).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import aiohttp
from yarl import URL

from services.fanout.connectors.calls import observing
from services.fanout.connectors.calls.bodies import body_of
from services.fanout.connectors.calls.sockets import CallConnector
from services.fanout.connectors.calls.waits import wait_of
from services.fanout.connectors.contract import CannotTell, Cause, Permanent, Retryable, Unknown
from services.kernel.base.clock import Clock

_WORDS = 300
NO_SCOPE = "the credential lacks a scope"
"""How the reason begins when a credential may not do this, and never will."""
_NOT_NOW = "the login may not post now"
_SCOPE = re.compile(
    r"scope|insufficient permission|necessary permission|app permission|permission[_ ]denied", re.IGNORECASE
)
"""Mastodon: "outside the authorized scopes"; Pleroma: "Insufficient permissions: ..."; X: "app permissions"."""
_LOGIN = re.compile(
    r"\blogin(?: is| has been)?(?: currently)? (?:disabled|locked|pending|missing)"
    r"|(?:un)?confirmed e-?mail|invalid credentials",
    re.IGNORECASE,
)
"""What Mastodon and Pleroma say when nothing is wrong with the message: somebody has to set the login right there. An
account that is suspended is not among it: it posts nothing more."""
_NEVER_OF_A_MESSAGE = frozenset({405, 407, 411, 417, 421, 423, 425, 426, 428, 431, 499})
"""About the way that a request came, or about the moment, whatever it says (RFC 9110; RFC 8470; nginx)."""
_GATEWAY = frozenset({"message", "request_id", "requestId", "statusCode"})
_SAID = ("error", "title", "message", "description", "detail")
"""Where platforms give reasons: Mastodon in ``error``, AT Protocol a name in ``error`` and words in ``message``,
Telegram in ``description``, X in ``title`` and ``detail`` (RFC 9457); Meta has an object in ``error``.
"""


@dataclass(frozen=True)
class Answer:
    """The server answered; ``body`` is its JSON, None where there was none.

    ``line`` is a short plain text that came instead of JSON, as webhooks answer; empty for a page.
    """

    status: int
    body: Any
    headers: Mapping[str, str]
    line: str = ""

    @property
    def words(self) -> str:
        """The server's own words for a refusal, cut to a line."""
        body = self.body if isinstance(self.body, dict) else {}
        body = body["error"] if isinstance(body.get("error"), dict) else body
        told = body.get("error_description") or ": ".join(str(body[key]) for key in _SAID if body.get(key))
        said = told or self.line or body.get("code")
        line = " ".join("".join(c if c.isprintable() else " " for c in str(said or "no reason given")).split())
        return f"{line[:_WORDS]} (HTTP {self.status})"


@dataclass(frozen=True)
class NotSent:
    """The request surely never left: no connection, no such host, no time to begin."""

    reason: str


@dataclass(frozen=True)
class NoAnswer:
    """The request left, wholly or in part, and what became of it is not known."""

    reason: str


Outcome = Answer | NotSent | NoAnswer


@dataclass(frozen=True)
class Endpoint:
    """Where and as whom to call (``token`` empty: as nobody), and until when (the loop's time)."""

    base: str
    token: str = field(repr=False)
    deadline: float


class Http:
    """Calls servers; ``connections`` is how many may be open to one host."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._connector: CallConnector | None = None

    async def call(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        *,
        value: Mapping[str, Any] | None = None,
        data: aiohttp.FormData | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        exact: bool = False,
    ) -> Outcome:
        """Make one call; never raises for what the network or the server does. Redirects are not followed.

        The body is ``value`` as JSON, or ``data``: a form, or bytes as they are. ``exact``: the path is encoded
        already, and is not touched. When the call has ended, also by
        cancellation, no byte of it is sent any more.
        """
        session, connector = self._open()
        bound = connector.call(endpoint.deadline)
        try:
            with bound:
                async with asyncio.timeout_at(endpoint.deadline):
                    response = await session.request(
                        method,
                        _url(endpoint.base + path, exact),
                        json=value,
                        data=data,
                        params=query,
                        headers=_headers(endpoint, headers),
                        allow_redirects=False,
                    )
                    observing.note(method, path, response.headers)
                    return await _answer(response)
        except TimeoutError:
            return NoAnswer("no answer in time") if bound.may_have_sent else NotSent("no connection in time")
        except aiohttp.ClientConnectorError as error:
            return NotSent(f"no connection: {error.os_error.strerror or error}")
        except aiohttp.InvalidURL:
            return NotSent("the platform's address in city.toml is not a URL")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = f"the connection broke: {type(error).__name__}"
            return NoAnswer(reason) if bound.may_have_sent else NotSent(reason)

    async def close(self) -> None:
        """Close all connections; calls that are under way are aborted."""
        if self._connector is not None:
            self._connector.abort_calls()
        if self._session is not None:
            await self._session.close()
        self._session = self._connector = None

    def _open(self) -> tuple[aiohttp.ClientSession, CallConnector]:
        if self._session is None or self._connector is None or self._session.closed:
            self._connector = CallConnector(self._connections)
            self._session = aiohttp.ClientSession(
                connector=self._connector,
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                # Uncompressed; what comes compressed all the same is unpacked here, so that it cannot grow without end.
                headers={"User-Agent": "OneVoice", "Accept-Encoding": "identity"},
                auto_decompress=False,
            )
        return self._session, self._connector


def _headers(endpoint: Endpoint, more: Mapping[str, str] | None) -> dict[str, str]:
    known = {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {}
    return known | dict(more or {})


@lru_cache(maxsize=4_096)
def _url(address: str, exact: bool) -> URL:
    try:
        return URL(address, encoded=exact)
    except ValueError as error:
        raise aiohttp.InvalidURL(address) from error


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    try:
        raw = await body_of(response)
        body = json_of(raw)
        return Answer(response.status, body, response.headers, _line(raw) if body is None else "")
    finally:
        # Its connection is back in the pool by now, unless the body was not read to its end.
        response.close()


def json_of(raw: bytes) -> Any:
    """Read JSON; a page of a proxy, say, is None."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _line(raw: bytes) -> str:
    """Return what is one line of plain text."""
    text = raw[: _WORDS + 1].decode("utf-8", "replace").strip()
    return text if len(text) <= _WORDS and text.isprintable() and not text.startswith("<") else ""


def refusal(outcome: Outcome, clock: Clock) -> Retryable | Permanent | Unknown:
    """Say what an outcome other than success means for something that the call should have done.

    Who spoke matters as much as the status. A redirect is about the address in our settings, a page that is no JSON is
    a proxy's or a gateway's, a scope and a 401 are about the credential: a person can fix each; the message is held.
    Only what the platform itself says, in JSON, is the message's end.
    """
    if isinstance(outcome, NotSent):
        return Retryable(outcome.reason, cause=Cause.HOST)
    if isinstance(outcome, NoAnswer):
        return Unknown(outcome.reason, Cause.HOST)
    if outcome.status == 429:
        return Retryable(f"too many requests: {outcome.words}", after=wait_asked(outcome, clock))
    if outcome.status == 401:
        return Retryable(f"the platform refuses the credential: {outcome.words}", cause=Cause.CREDENTIAL)
    if _lacks_scope(outcome):
        return Retryable(f"{NO_SCOPE}: {outcome.words}", cause=Cause.CREDENTIAL)
    if _login_is_closed(outcome):
        return Retryable(f"{_NOT_NOW}: {outcome.words}", cause=Cause.CREDENTIAL)
    if 300 <= outcome.status < 400 and outcome.status != 303:  # 303 follows something that was done
        return Retryable(f"the server has moved{_to(outcome)}: change its address in city.toml", cause=Cause.OWN)
    if outcome.status == 402:
        return Retryable(f"the account there has to be paid for: {outcome.words}", cause=Cause.CREDENTIAL)
    if outcome.status == 409 and not _is_a_proxys(outcome):
        # A server that knows keys says so while the first request with this key is under way, or is done.
        return Unknown(f"the server says that it conflicts with something: {outcome.words}")
    if 400 <= outcome.status < 500 and outcome.status != 408:
        if _is_a_proxys(outcome):
            return Retryable(f"what is before the server refused it: {outcome.words}", cause=Cause.HOST)
        return Permanent(outcome.words)
    if outcome.status < 300:
        return Unknown(f"the server answered with something that is not its own (HTTP {outcome.status})", Cause.HOST)
    reason = f"the server failed after the request was sent: {outcome.words}"
    return Unknown(reason, Cause.HOST, after=wait_asked(outcome, clock))


def cause_of(outcome: Outcome) -> Cause | None:
    """Return whose trouble it is that an outcome does not say what was asked."""
    if not isinstance(outcome, Answer):
        return Cause.HOST
    if outcome.status == 429:
        return Cause.LIMIT
    if outcome.status in (401, 402) or _lacks_scope(outcome) or _login_is_closed(outcome):
        return Cause.CREDENTIAL
    if 300 <= outcome.status < 400:
        return Cause.OWN
    return Cause.HOST if _is_a_proxys(outcome) or outcome.status >= 500 or outcome.status < 300 else None


def _is_a_proxys(outcome: Answer) -> bool:
    """True where what is before the server answered: a page, or Cloudflare's challenge, which may be JSON."""
    if outcome.body is None or "cf-mitigated" in outcome.headers or outcome.status in _NEVER_OF_A_MESSAGE:
        return True
    return outcome.status in (403, 404) and isinstance(outcome.body, dict) and _is_a_gateways(set(outcome.body))


def _is_a_gateways(names: set[str]) -> bool:
    """True for an error in the form of a gateway (AWS, Kong, Azure, Spring): no platform here answers in it."""
    return ("message" in names and names <= _GATEWAY) or {"timestamp", "status", "error", "path"} <= names


def _lacks_scope(outcome: Answer) -> bool:
    """True where the credential may not do this (RFC 6750, and what servers say)."""
    challenge = str(outcome.headers.get("WWW-Authenticate", ""))
    said = f"{outcome.words} {outcome.body} {challenge}"
    return outcome.status == 403 and _SCOPE.search(said) is not None


def _login_is_closed(outcome: Answer) -> bool:
    return outcome.status == 403 and outcome.body is not None and _LOGIN.search(outcome.words) is not None


def _to(outcome: Answer) -> str:
    place = "".join(c for c in str(outcome.headers.get("Location", "")) if c.isprintable())[:_WORDS]
    return f" to {place}" if place else f" (HTTP {outcome.status})"


def cannot_tell(reason: str, outcome: Outcome, clock: Clock) -> CannotTell:
    """Say that a look ended without an answer to it; whose trouble it is and how long to wait follow the outcome."""
    return CannotTell(reason, cause_of(outcome), after=wait_asked(outcome, clock))


def wait_asked(outcome: Outcome, clock: Clock) -> float | None:
    """Return the seconds that a refusal for now (429, 503) asks to wait, capped; None: it does not say."""
    if not isinstance(outcome, Answer) or outcome.status not in (429, 503):
        return None
    return wait_of(outcome.headers, clock.now(), outcome.status)
