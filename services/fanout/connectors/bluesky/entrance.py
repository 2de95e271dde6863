"""The way to a profile's account: which server and account it is, its app password, and a session that is open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from schemas.events.authority import Profile
from schemas.places import BLUESKY_ACCOUNT
from services.fanout.connectors.bluesky.reading import Reader
from services.fanout.connectors.bluesky.session import BlueskySession, Login, Sessions
from services.fanout.connectors.contract import CannotTell, Cause, Permanent, Retryable
from services.fanout.connectors.credentials.tokens import TokenFault, token_of

_SHARE = 0.95
"""The part of a call's time that is used, so that the answer comes before the caller gives up."""


@dataclass(frozen=True)
class Way:
    """The way to an account: its login, its DID, and until when the call may last (the loop's time)."""

    login: Login
    did: str
    deadline: float


class Entrance:
    """Finds the way to a profile's account. ``base_of`` and ``token_path`` as BlueskyConnector has them."""

    def __init__(
        self,
        sessions: Sessions,
        reader: Reader,
        base_of: Callable[[str], str],
        token_path: Callable[[str], Path],
    ) -> None:
        self._sessions, self._reader = sessions, reader
        self._base_of, self._token_path = base_of, token_path

    async def enter(self, profile: Profile, seconds: float) -> Way | Retryable | Permanent:
        """Read the app password and see that a session is open; the call may last ``seconds``."""
        deadline = asyncio.get_running_loop().time() + seconds * _SHARE
        login = await self._login(profile)
        if not isinstance(login, Login):
            return login
        session = await self._sessions.enter(login, deadline)
        if isinstance(session, BlueskySession):
            return Way(login, session.did, deadline)
        if isinstance(session, Retryable) and session.cause is Cause.CREDENTIAL:
            state = await self._reader.closed(login.base, login.account, deadline)
            return Permanent(f"the platform says that the account is {state}") if state else session
        return session

    async def look(self, profile: Profile, seconds: float) -> Way | CannotTell:
        """Find out whose records to look at; no password is needed for that, and no session."""
        deadline = asyncio.get_running_loop().time() + seconds * _SHARE
        place = self._place(profile)
        if isinstance(place, Permanent):
            return CannotTell(place.reason)
        base, account = place
        did = await self._reader.did_of(base, account, deadline)
        return Way(Login(base, account, ""), did, deadline) if isinstance(did, str) else did

    async def _login(self, profile: Profile) -> Login | Retryable | Permanent:
        place = self._place(profile)
        if isinstance(place, Permanent):
            return place
        try:
            return Login(*place, await token_of(self._token_path(profile.id)))
        except TokenFault as fault:
            return Retryable(str(fault), cause=Cause.OWN)

    def _place(self, profile: Profile) -> tuple[str, str] | Permanent:
        """Return the base URL of an account's server, and the account there."""
        match = BLUESKY_ACCOUNT.fullmatch(profile.account)
        if match is None:
            return Permanent(f"the account {profile.account!r} is no handle and no DID")
        server = match["server"] or ""
        try:
            return self._base_of(server).rstrip("/"), match["name"]
        except LookupError:
            return Permanent(f"city.toml, [bluesky.servers], has no address for {server!r}")
