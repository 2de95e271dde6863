"""One HTTP call to a platform, and whether anything can have been sent. All connectors use it.

A call ends with its deadline and leaves no byte behind (``sockets``), follows no redirect, and reads no more than 1 MB,
packed or unpacked. What a refusal means: ``refusals``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from services.fanout.connectors.calls import observing
from services.fanout.connectors.calls.bodies import body_of
from services.fanout.connectors.calls.hiding import origin_of, without
from services.fanout.connectors.calls.reasons import any_text_in, reason_in
from services.fanout.connectors.calls.sockets import CallConnector

WORDS = 300
_HEADER_BYTES = 64 * 1024
_HEADERS = 500


@dataclass(frozen=True)
class Answer:
    """The server answered; ``body`` is its JSON, None where there was none.

    ``line`` is a short plain text that came instead of JSON, as webhooks answer; empty for a page. ``hidden`` is what
    the call was let in by: ``words`` do not repeat it. ``empty``: there was no body at all.
    """

    status: int
    body: Any
    headers: Mapping[str, str]
    line: str = ""
    hidden: tuple[str, ...] = field(default=(), repr=False)
    empty: bool = False

    @property
    def told(self) -> str:
        """What the server says where reasons are said; empty where it says nothing."""
        return reason_in(self.body) or self.line

    @property
    def words(self) -> str:
        """The server's own words for a refusal, cut to a line."""
        said = without(self.told or any_text_in(self.body) or "no reason given", self.hidden)
        line = " ".join("".join(c if c.isprintable() else " " for c in said).split())
        return f"{line[:WORDS]} (HTTP {self.status})"


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
    """Where and as whom to call (``token`` empty: as nobody), and until when (the loop's time).

    ``hidden`` are the secrets in its path, its query or its body: what is said of the call does not repeat them.
    """

    base: str
    token: str = field(repr=False)
    deadline: float
    hidden: tuple[str, ...] = field(default=(), repr=False)


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
                    return await _answer(response, endpoint)
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
                # Policies of content and cookies make some servers' headers long; a body is bounded all the same.
                max_line_size=_HEADER_BYTES,
                max_field_size=_HEADER_BYTES,
                max_headers=_HEADERS,
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


async def _answer(response: aiohttp.ClientResponse, endpoint: Endpoint) -> Answer:
    hidden = tuple(filter(None, (endpoint.token, *endpoint.hidden)))
    try:
        raw = await body_of(response)
        body = json_of(raw)
        headers = _without_place(response.headers) if endpoint.hidden else response.headers
        empty = not response.content_length and not response.content.total_bytes
        return Answer(response.status, body, headers, _line(raw) if body is None else "", hidden, empty)
    finally:
        # Its connection is back in the pool by now, unless the body was not read to its end.
        response.close()


def _without_place(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return headers whose redirect names its host alone: where an address lets in, the new one does, too."""
    changed = CIMultiDict(headers)
    if "Location" in changed:
        changed["Location"] = origin_of(changed["Location"])
    return changed


def json_of(raw: bytes) -> Any:
    """Read JSON; a page of a proxy, say, is None. Half a character, which nobody could store, is U+FFFD."""
    try:
        found = json.loads(raw)
        return _whole(found) if b"\\ud" in raw.lower() or b"\xed" in raw else found
    except (ValueError, RecursionError):
        return None


def _whole(value: Any) -> Any:
    """Return a value of JSON without halves of surrogate pairs, which its escapes or its bytes may spell."""
    if isinstance(value, dict):
        return {_whole(name): _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value


def _line(raw: bytes) -> str:
    """Return what is one line of plain text."""
    text = raw[: WORDS + 1].decode("utf-8", "replace").strip()
    return text if len(text) <= WORDS and text.isprintable() and not text.startswith("<") else ""
