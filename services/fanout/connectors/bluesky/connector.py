"""Bluesky, and whatever speaks AT Protocol (atproto.com). Idempotency class A (docs/platforms/bluesky.md).

A post's key follows from the request and the profile, and is written only where nothing stands (``swapRecord`` null):
the same message again is the same record, and the server refuses anything else under its key. A thread is one write.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.events.authority import Profile
from schemas.platforms import LIMITS, overrun
from services.fanout.connectors import sockets
from services.fanout.connectors.bluesky.facets import mentioned
from services.fanout.connectors.bluesky.media import upload_all
from services.fanout.connectors.bluesky.reading import Other, Reader, Standing, Thread, under
from services.fanout.connectors.bluesky.record import (
    COLLECTION,
    Ref,
    cid_of,
    named_by,
    opened_by,
    read_uri,
    record_keys,
    record_of,
    uri_of,
    write_of,
)
from services.fanout.connectors.bluesky.session import BlueskySession, Login, Sessions, error_of, gone
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Cause,
    Connector,
    Correction,
    Declaration,
    FetchMedia,
    Health,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReadBackResult,
    ReconcileResult,
    Retracted,
    RetractResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.http import Answer, Http, Outcome, refusal
from services.fanout.connectors.tokens import TokenFault, read_token
from services.kernel.base.clock import Clock, SystemClock

_SHARE = 0.95
"""The part of a call's time that is used, so that the answer comes before the caller gives up."""
_MEDIA_SHARE = 0.5
_CHECK_SECONDS = 9.0
_ACCOUNT = re.compile(
    r"@?(?P<name>did:[a-z]+:[A-Za-z0-9._:%-]{1,200}|[A-Za-z0-9.-]+\.[A-Za-z]{2,63})(@(?P<server>[^@]+))?"
)


@dataclass(frozen=True)
class _Way:
    """The way to an account: its login, its DID, and until when the call may last (the loop's time)."""

    login: Login
    did: str
    deadline: float


class BlueskyConnector(Connector):
    """Posts as the accounts of profiles: a handle or a DID, with ``@server`` after it where it is not the usual one.

    ``base_of`` gives a server's base URL by its name (empty: the usual one) or raises LookupError; ``token_path`` is
    where a profile's app password lies; ``app`` is the web application whose address a post's URL has; ``language`` is
    BCP 47.
    """

    platform = "bluesky"
    declaration = Declaration(WhenUnknown.REPEAT, Correction.REPLY, delete=True, reply=True)

    def __init__(
        self,
        base_of: Callable[[str], str],
        token_path: Callable[[str], Path],
        *,
        app: str,
        language: str = "en",
        clock: Clock | None = None,
        connections: int = 512,
    ) -> None:
        self._base_of = base_of
        self._token_path = token_path
        self._app = app.rstrip("/")
        self._language = language
        self._clock = clock or SystemClock()
        self._http = Http(connections)
        self._sessions = Sessions(self._http, self._clock)
        self._reader = Reader(self._http, self._clock, language)

    # --- publish ----------------------------------------------------------------------------------------------

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Write it where nothing stands under its key; what stands there already is it, or refuses it."""
        objection = _objection(intent)
        if objection is not None:
            return Permanent(objection)
        way = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(way, _Way):
            return way
        if intent.repeat:
            standing = await self._standing(way, intent)
            if isinstance(standing, Standing | Other):
                return self._posted(standing) if isinstance(standing, Standing) else Permanent(standing.reason)
        reply = await self._answered(way, intent)
        if isinstance(reply, Retryable | Permanent):
            return reply
        now = asyncio.get_running_loop().time()
        sooner = now + (way.deadline - now) * _MEDIA_SHARE
        images, note = await upload_all(self._sessions, way.login, sooner, intent.content.pictures, fetch_media)
        dids = await self._reader.dids(way.login.base, mentioned(intent.content.parts), sooner)
        records: list[dict[str, Any]] = []
        refs: tuple[Ref, ...] = ()
        for number, key in enumerate(_keys(intent)):
            answers = under(reply, refs)
            made = record_of(intent.content, number, language=self._language, images=images, dids=dids, reply=answers)
            records.append(made)
            refs += (Ref(uri_of(way.did, key), cid_of(made)),)
        return await self._write(way, intent, records, Standing(refs, note))

    async def _write(self, way: _Way, intent: Intent, records: list[dict[str, Any]], wanted: Standing) -> PublishResult:
        """Write all parts at once, and compare the content ids that the server names with our own."""
        name, body = write_of(way.did, _keys(intent), records)
        outcome = await self._sessions.call(way.login, way.deadline, "POST", name, value=body)
        if isinstance(outcome, Retryable | Permanent):
            return outcome
        if isinstance(outcome, Answer) and outcome.status == 200:
            if named_by(outcome.body) == wanted.refs:
                return self._posted(wanted)
            return Unknown("the server stored something else than was sent, or does not say what")
        return await self._refusal(way, intent, outcome)

    async def _refusal(self, way: _Way, intent: Intent, outcome: Outcome) -> PublishResult:
        """Say what a write that was not taken means: what stands under the key already may be it."""
        closed = gone(outcome)
        if closed is not None:
            return closed
        taken = error_of(outcome) == "InvalidSwap"
        # Of a thread no name says that its keys are taken: it fails as a whole, and in several ways.
        answered = isinstance(outcome, Answer) and outcome.status not in (401, 429)
        if taken or (answered and len(intent.content.parts) > 1):
            standing = await self._standing(way, intent)
            if isinstance(standing, Standing):
                return self._posted(standing)
            if isinstance(standing, Other):
                return Permanent(standing.reason)
            if taken:
                return Retryable("something else was written at the same time", cause=Cause.LIMIT)
        if error_of(outcome) == "BlobNotFound":
            return Retryable("the server has lost a picture since it was uploaded", cause=Cause.LIMIT)
        return refusal(outcome, self._clock)

    async def _answered(self, way: _Way, intent: Intent) -> Thread | Retryable | Permanent:
        """Return the root of the thread and the post that this one answers; None where it answers nothing."""
        if not intent.follows:
            return None
        uri = intent.follows.partition(",")[0]
        if read_uri(uri) is None:
            return Permanent("what it answers is not a post of this platform")
        found = await self._reader.get(way.login.base, uri, way.deadline)
        if isinstance(found, CannotTell):
            reason = f"what it answers cannot be seen: {found.reason}"
            return Retryable(reason, found.after, cause=found.cause or Cause.HOST)
        if isinstance(found, Absent):
            return Permanent("the post that it answers does not stand any more")
        value, cid = found
        parent = Ref(uri, cid)
        return opened_by(value) or parent, parent

    # --- reconcile, retract, check ----------------------------------------------------------------------------

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Ask for the record under its key, without logging in where the account's DID is known."""
        way = await self._way(intent)
        if isinstance(way, CannotTell):
            return way
        standing = await self._standing(way, intent)
        if isinstance(standing, Standing):
            return self._posted(standing)
        return CannotTell(standing.reason) if isinstance(standing, Other) else standing

    async def read_back(self, intent: Intent, remote_id: str) -> ReadBackResult:
        """Ask whether each of its records stands as it was approved; Absent as soon as one is gone."""
        way = await self._way(intent)
        if isinstance(way, CannotTell):
            return way
        if remote_id.split(",") != [uri_of(way.did, key) for key in _keys(intent)]:
            return CannotTell("that is not the id of this post")
        standing = await self._standing(way, intent)
        if isinstance(standing, Other):
            return Absent() if standing.partly else standing.altered
        return self._posted(standing) if isinstance(standing, Standing) else standing

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Delete all its records, the last first. Without a ``remote_id`` those that follow from the request."""
        way = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(way, _Way):
            return way
        uris = remote_id.split(",") if remote_id else [uri_of(way.did, key) for key in _keys(intent)]
        known = [read_uri(uri) for uri in uris]
        for one in reversed(known):
            if one is None or one[0] != way.did:
                return Permanent("that is not a post of this account")
        for one in reversed(known):
            assert one is not None
            body = {"repo": way.did, "collection": COLLECTION, "rkey": one[1]}
            outcome = await self._sessions.call(
                way.login, way.deadline, "POST", "com.atproto.repo.deleteRecord", value=body
            )
            if isinstance(outcome, Retryable | Permanent):
                return outcome
            if not isinstance(outcome, Answer) or outcome.status != 200:
                return gone(outcome) or refusal(outcome, self._clock)
        return Retracted()

    async def check(self, profile: Profile) -> Health:
        """Ask the server what it says of the session (getSession)."""
        way = await self._enter(profile, _CHECK_SECONDS)
        if not isinstance(way, _Way):
            return Health(False, way.reason, way.cause if isinstance(way, Retryable) else None)
        outcome = await self._sessions.call(way.login, way.deadline, "GET", "com.atproto.server.getSession")
        if isinstance(outcome, Retryable | Permanent):
            return Health(False, outcome.reason, outcome.cause if isinstance(outcome, Retryable) else None)
        if not isinstance(outcome, Answer) or outcome.status != 200:
            why = gone(outcome) or refusal(outcome, self._clock)
            return Health(False, why.reason, None if isinstance(why, Permanent) else why.cause)
        said = outcome.body if isinstance(outcome.body, dict) else {}
        if said.get("active") is False:
            return Health(False, f"the platform says that the account is {said.get('status') or 'not active'}")
        detail = f"@{said.get('handle') or way.did} can be posted to"
        return Health(True, "; ".join(filter(None, (detail, sockets.remark()))))

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    # --- the way in -------------------------------------------------------------------------------------------

    async def _enter(self, profile: Profile, seconds: float) -> _Way | Retryable | Permanent:
        """Read the app password and see that a session is open."""
        deadline = asyncio.get_running_loop().time() + seconds * _SHARE
        login = self._login(profile)
        if not isinstance(login, Login):
            return login
        session = await self._sessions.enter(login, deadline)
        if isinstance(session, BlueskySession):
            return _Way(login, session.did, deadline)
        if isinstance(session, Retryable) and session.cause is Cause.CREDENTIAL:
            state = await self._reader.closed(login.base, login.account, deadline)
            return Permanent(f"the platform says that the account is {state}") if state else session
        return session

    async def _way(self, intent: Intent) -> _Way | CannotTell:
        """Find out whose records to look at; no password is needed for that, and no session."""
        deadline = asyncio.get_running_loop().time() + intent.call_timeout * _SHARE
        place = self._place(intent.profile)
        if isinstance(place, Permanent):
            return CannotTell(place.reason)
        base, account = place
        did = await self._reader.did_of(base, account, deadline)
        return _Way(Login(base, account, ""), did, deadline) if isinstance(did, str) else did

    def _login(self, profile: Profile) -> Login | Retryable | Permanent:
        place = self._place(profile)
        if isinstance(place, Permanent):
            return place
        try:
            return Login(*place, read_token(self._token_path(profile.id)))
        except TokenFault as fault:
            return Retryable(str(fault), cause=Cause.OWN)

    def _place(self, profile: Profile) -> tuple[str, str] | Permanent:
        """Return the base URL of an account's server, and the account there."""
        match = _ACCOUNT.fullmatch(profile.account)
        if match is None:
            return Permanent(f"the account {profile.account!r} is no handle and no DID")
        server = match["server"] or ""
        try:
            return self._base_of(server).rstrip("/"), match["name"]
        except LookupError:
            return Permanent(f"city.toml, [bluesky.servers], has no address for {server!r}")

    async def _standing(self, way: _Way, intent: Intent) -> Standing | Absent | Other | CannotTell:
        return await self._reader.standing(way.login.base, way.did, intent, _keys(intent), way.deadline)

    def _posted(self, standing: Standing) -> Posted:
        did, key = read_uri(standing.refs[0].uri) or ("", "")
        url = f"{self._app}/profile/{did}/post/{key}"
        return Posted(url, ",".join(ref.uri for ref in standing.refs), standing.note)


def _keys(intent: Intent) -> list[str]:
    return record_keys(intent.request_id, intent.revision, intent.profile.id, intent.content)


def _objection(intent: Intent) -> str | None:
    """Say what the platform would not take, before any of it is sent."""
    limits = LIMITS["bluesky"]
    for number, part in enumerate(intent.content.parts, 1):
        too_long = overrun(part, limits)
        if too_long is not None:
            return f"part {number}: the platform {too_long}"
    if len(intent.content.pictures) > limits.pictures:
        return f"{len(intent.content.pictures)} pictures, the platform takes {limits.pictures}"
    return None
