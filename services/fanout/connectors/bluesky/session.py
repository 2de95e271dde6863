"""Sessions with AT Protocol servers: one login each, kept in memory, renewed ahead of time, never one per post.

A server takes 30 logins of an account in 5 minutes and 300 a day (its source, com.atproto.server.createSession), and
refused ones count: a password that was refused is not tried again for ``REFUSED_SECONDS``.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.fanout.connectors.calls.http import Answer, Endpoint, Http, Outcome
from services.fanout.connectors.calls.refusals import refusal
from services.fanout.connectors.contract import Cause, Permanent, Retryable
from services.kernel.base.clock import Clock

REFUSED_SECONDS = 300.0
_AHEAD = 0.25
"""The part of a session's life that is left when it is renewed."""
_SHORT_SECONDS = 600.0
"""How long a session is taken to live whose token does not say."""
_TOO_MUCH = {
    "com.atproto.access": "the credential is the account's own password, which can change the account: "
    "onevoice profiles connect takes an app password",
    "com.atproto.appPassPrivileged": "the app password may read direct messages, which is not needed",
}
"""By the scopes that servers give (atproto, packages/pds, auth-scope)."""
_EXPIRED = frozenset({"ExpiredToken", "InvalidToken"})
_GONE = frozenset({"AccountTakedown", "AccountSuspended", "AccountDeactivated"})


@dataclass(frozen=True)
class Login:
    """What opens an account: its server, its handle or DID, and its app password."""

    base: str
    account: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class BlueskySession:
    """An open session; ``renew_at`` and ``ends_at`` on the monotonic clock, in seconds."""

    did: str
    handle: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    renew_at: float
    ends_at: float


Refused = Retryable | Permanent


class Sessions:
    """Opens, keeps and renews sessions, once for many callers."""

    def __init__(self, http: Http, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._open: dict[Login, BlueskySession] = {}
        self._refused: dict[Login, tuple[float, Refused]] = {}
        self._turns: dict[Login, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def enter(self, login: Login, deadline: float) -> BlueskySession | Refused:
        """Return a session that lives, or why there is none. Nothing is posted by this."""
        return await self._in_turn(login, deadline, None)

    async def call(
        self,
        login: Login,
        deadline: float,
        method: str,
        name: str,
        *,
        value: Mapping[str, Any] | None = None,
        data: bytes | None = None,
        media_type: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Outcome | Refused:
        """Call a method (its NSID) within a session; one that has expired is renewed, and the call made once more."""
        session: BlueskySession | None = None
        headers = {"Content-Type": media_type} if media_type else None
        while True:
            found = await self._in_turn(login, deadline, session)
            if not isinstance(found, BlueskySession):
                return found
            endpoint = Endpoint(login.base, found.access, deadline)
            outcome = await self._http.call(
                endpoint, method, f"/xrpc/{name}", value=value, data=data, headers=headers, query=query
            )
            if session is not None or error_of(outcome) not in _EXPIRED:
                return outcome
            session = found

    async def _in_turn(self, login: Login, deadline: float, stale: BlueskySession | None) -> BlueskySession | Refused:
        try:
            async with asyncio.timeout_at(deadline), self._turns[login]:
                return await self._living(login, deadline, stale)
        except TimeoutError:
            return Retryable("the server gave no session in time", cause=Cause.HOST)

    async def _living(self, login: Login, deadline: float, stale: BlueskySession | None) -> BlueskySession | Refused:
        """Return the session that is kept, unless it is ``stale``: renewed when its time comes, else a new one."""
        now, known = self._clock.monotonic(), self._open.get(login)
        if known is not None and known is not stale and now < known.renew_at:
            return known
        if known is not None:
            renewed = await self._renew(login, known, deadline)
            if renewed is not None:
                return renewed
            if known is not stale and now < known.ends_at and login in self._open:
                return known
        return await self._log_in(login, deadline)

    async def _renew(self, login: Login, known: BlueskySession, deadline: float) -> BlueskySession | None:
        endpoint = Endpoint(login.base, known.refresh, deadline)
        outcome = await self._http.call(endpoint, "POST", "/xrpc/com.atproto.server.refreshSession")
        session = self._read(outcome)
        if session is not None:
            self._open[login] = session
        elif isinstance(outcome, Answer) and outcome.status in (400, 401):
            del self._open[login]
        return session

    async def _log_in(self, login: Login, deadline: float) -> BlueskySession | Refused:
        known = self._refused.get(login)
        if known is not None and self._clock.monotonic() < known[0]:
            return known[1]
        value = {"identifier": login.account, "password": login.password}
        endpoint = Endpoint(login.base, "", deadline, (login.password,))
        outcome = await self._http.call(endpoint, "POST", "/xrpc/com.atproto.server.createSession", value=value)
        session = self._read(outcome)
        if session is not None:
            self._refused.pop(login, None)
            self._open[login] = session
            return session
        why = refused(outcome, self._clock)
        if isinstance(why, Permanent) or why.cause is Cause.CREDENTIAL:
            self._refused[login] = (self._clock.monotonic() + REFUSED_SECONDS, why)
        return why

    def _read(self, outcome: Outcome) -> BlueskySession | None:
        if not isinstance(outcome, Answer) or outcome.status != 200:
            return None
        now = self._clock.monotonic()
        try:
            access, refresh = str(outcome.body["accessJwt"]), str(outcome.body["refreshJwt"])
            life = _life(access)
            did, handle = str(outcome.body["did"]), str(outcome.body["handle"])
        except (KeyError, TypeError):
            return None
        return BlueskySession(did, handle, access, refresh, now + life * (1.0 - _AHEAD), now + life)


def error_of(outcome: object) -> str:
    """Return the name of the error that an XRPC answer carries, empty where there is none."""
    body = outcome.body if isinstance(outcome, Answer) else None
    return str(body.get("error", "")) if isinstance(body, dict) else ""


def refused(outcome: Outcome, clock: Clock) -> Refused:
    """Say why there is no session. Nothing was to be posted yet, so nothing can have been."""
    error = error_of(outcome)
    if error in _GONE and isinstance(outcome, Answer):
        return Permanent(outcome.words)
    if error == "AuthFactorTokenRequired":
        return Retryable("the account asks for a second factor: give it an app password", cause=Cause.CREDENTIAL)
    if isinstance(outcome, Answer) and outcome.status in (400, 401):
        hint = "or has taken the account down"
        return Retryable(f"the platform refuses the app password, {hint}: {outcome.words}", cause=Cause.CREDENTIAL)
    why = refusal(outcome, clock)
    if isinstance(why, Retryable):
        return why
    return Retryable(f"no session: {why.reason}", None if isinstance(why, Permanent) else why.after, cause=Cause.HOST)


def gone(outcome: Outcome) -> Permanent | None:
    """Return that the platform has closed the account, where an answer says so."""
    if isinstance(outcome, Answer) and error_of(outcome) in _GONE:
        return Permanent(outcome.words)
    return None


def needless_rights(session: BlueskySession) -> str:
    """Say what a session may do that nobody needs, by the scope of its token; empty where it is an app password's."""
    return _TOO_MUCH.get(str(_said(session.access).get("scope")), "")


def _life(token: str) -> float:
    """Return how long a token lives, in seconds."""
    said = _said(token)
    try:
        return max(1.0, float(said["exp"]) - float(said["iat"]))
    except (ValueError, KeyError, TypeError):
        return _SHORT_SECONDS


def _said(token: str) -> Mapping[str, Any]:
    """Return what a token (JWT) says of itself; its signature is its server's business."""
    try:
        body = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
