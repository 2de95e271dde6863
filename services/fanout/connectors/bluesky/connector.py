"""Bluesky, and whatever speaks AT Protocol (atproto.com). Idempotency class A (docs/platforms/bluesky.md).

A post's key follows from the request and the profile, and is written only where nothing is there (``swapRecord`` null):
the same message again is the same record, and the server refuses anything else under its key. A thread is one write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.events.authority import Profile
from services.fanout.connectors.answers import not_let_in, not_seen
from services.fanout.connectors.bluesky import listing
from services.fanout.connectors.bluesky.answering import answered, answering
from services.fanout.connectors.bluesky.entrance import Entrance, Way
from services.fanout.connectors.bluesky.facets import mentioned
from services.fanout.connectors.bluesky.media import upload_all
from services.fanout.connectors.bluesky.mentions import mentions
from services.fanout.connectors.bluesky.reading import Existing, Other, Reader, shown_of, under
from services.fanout.connectors.bluesky.record import (
    COLLECTION,
    Ref,
    cid_of,
    named_by,
    read_uri,
    record_keys,
    record_of,
    uri_of,
    write_of,
)
from services.fanout.connectors.bluesky.session import BlueskySession, Sessions, error_of, gone, needless_rights
from services.fanout.connectors.calls import sockets
from services.fanout.connectors.calls.http import Answer, Endpoint, Http, Outcome
from services.fanout.connectors.calls.outcomes import fields_of
from services.fanout.connectors.calls.refusals import refusal
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
from services.fanout.connectors.inquiry import Inquiry
from services.fanout.connectors.listing import ProfilePost
from services.fanout.connectors.one_at_a_time import too_much, unhealthy
from services.kernel.base.clock import Clock, SystemClock

_MEDIA_SHARE = 0.5
_CHECK_SECONDS = 9.0


class BlueskyConnector(Connector):
    """Posts as the accounts of profiles: a handle or a DID, with ``@server`` after it where it is not the usual one.

    ``base_of`` gives a server's base URL by its name (empty: the usual one) or raises LookupError; ``token_path`` is
    where a profile's app password lies; ``app`` is the web application whose address a post's URL has; ``language`` is
    BCP 47.
    """

    platform = "bluesky"
    declaration = Declaration(WhenUnknown.REPEAT, Correction.REPLY, delete=True, reply=True, answers=True)

    def __init__(
        self,
        base_of: Callable[[str], str],
        token_path: Callable[[str], Path],
        *,
        app: str,
        language: str = "en",
        clock: Clock | None = None,
    ) -> None:
        self._app = app.rstrip("/")
        self._language = language
        self._clock = clock or SystemClock()
        self._http = Http(512)
        self._sessions = Sessions(self._http, self._clock)
        self._reader = Reader(self._http, self._clock, language)
        self._entrance = Entrance(self._sessions, self._reader, base_of, token_path)

    # --- publish ----------------------------------------------------------------------------------------------

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Write it where nothing is under its key; what is there already is it, or refuses it."""
        refused = too_much(intent)
        if refused is not None:
            return Permanent(refused)
        way = await self._entrance.enter(intent.profile, intent.call_timeout)
        if not isinstance(way, Way):
            return way
        there = await self._with_answered(way, intent)
        if not isinstance(there, Intent):
            return not_seen(there) if isinstance(there, CannotTell) else there
        intent = there
        if intent.repeat:
            existing = await self._existing(way, intent)
            if isinstance(existing, Existing | Other):
                return self._posted(existing) if isinstance(existing, Existing) else Permanent(existing.reason)
        reply = await answered(self._reader, way.login.base, intent, way.deadline)
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
        return await self._write(way, intent, records, Existing(refs, note))

    async def _write(self, way: Way, intent: Intent, records: list[dict[str, Any]], wanted: Existing) -> PublishResult:
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

    async def _refusal(self, way: Way, intent: Intent, outcome: Outcome) -> PublishResult:
        """Say what a write that was not taken means: what is under the key already may be it."""
        closed = gone(outcome)
        if closed is not None:
            return closed
        taken = error_of(outcome) == "InvalidSwap"
        # Of a thread no name says that its keys are taken: it fails as a whole, and in several ways.
        answered = isinstance(outcome, Answer) and outcome.status not in (401, 429)
        if taken or (answered and len(intent.content.parts) > 1):
            existing = await self._existing(way, intent)
            if isinstance(existing, Existing):
                return self._posted(existing)
            if isinstance(existing, Other):
                return Permanent(existing.reason)
            if taken:
                return Retryable("something else was written at the same time", cause=Cause.LIMIT)
        if error_of(outcome) == "BlobNotFound":
            return Retryable("the server has lost a picture since it was uploaded", cause=Cause.LIMIT)
        return refusal(outcome, self._clock)

    # --- reconcile, retract, check ----------------------------------------------------------------------------

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Ask for the record under its key, without logging in where the account's DID is known."""
        way = await self._entrance.look(intent.profile, intent.call_timeout)
        if isinstance(way, CannotTell):
            return way
        there = await self._with_answered(way, intent)
        if not isinstance(there, Intent):
            return CannotTell(there.reason) if isinstance(there, Permanent) else there
        existing = await self._existing(way, there)
        if isinstance(existing, Existing):
            return self._posted(existing)
        return CannotTell(existing.reason) if isinstance(existing, Other) else existing

    async def read_back(self, intent: Intent, remote_id: str) -> ReadBackResult:
        """Ask whether each of its records is there as it was approved; Absent as soon as one is gone."""
        way = await self._entrance.look(intent.profile, intent.call_timeout)
        if isinstance(way, CannotTell):
            return way
        if remote_id.split(",") != [uri_of(way.did, key) for key in _keys(intent)]:
            return CannotTell("that is not the id of this post")
        there = await self._with_answered(way, intent)
        if not isinstance(there, Intent):
            return CannotTell(there.reason) if isinstance(there, Permanent) else there
        existing = await self._existing(way, there)
        if isinstance(existing, Other):
            return Absent() if existing.partly else existing.altered
        return self._posted(existing) if isinstance(existing, Existing) else existing

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Delete all its records, the last first. Without a ``remote_id`` those that follow from the request."""
        way = await self._entrance.enter(intent.profile, intent.call_timeout)
        if not isinstance(way, Way):
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
            # What was not there is answered without a commit, on some servers without a body; a page has none either.
            if "commit" not in fields_of(outcome) and not await self._is_absent(way, one[1]):
                return Unknown("the server did not say that it is deleted", Cause.HOST)
        return Retracted()

    async def check(self, profile: Profile) -> Health:
        """Ask the server what it says of the session (getSession)."""
        way = await self._entrance.enter(profile, _CHECK_SECONDS)
        if not isinstance(way, Way):
            return unhealthy(way)
        outcome = await self._sessions.call(way.login, way.deadline, "GET", "com.atproto.server.getSession")
        if isinstance(outcome, Retryable | Permanent):
            return unhealthy(outcome)
        if not isinstance(outcome, Answer) or outcome.status != 200:
            return unhealthy(gone(outcome) or refusal(outcome, self._clock))
        said = outcome.body if isinstance(outcome.body, dict) else {}
        if said.get("active") is False:
            return Health(False, f"the platform says that the account is {said.get('status') or 'not active'}")
        detail = f"@{said.get('handle') or way.did} can be posted to"
        endpoint = Endpoint(way.login.base, "", way.deadline)
        shows = await shown_of(self._http, endpoint, way.did)
        session = await self._sessions.enter(way.login, way.deadline)
        more = needless_rights(session) if isinstance(session, BlueskySession) else ""
        return Health(True, "; ".join(filter(None, (detail, more, sockets.remark()))), shows=shows)

    async def posts_of(self, profile: Profile, since: datetime) -> list[ProfilePost] | CannotTell:
        """Return what the account has published since a time, without logging in."""
        way = await self._entrance.look(profile, _CHECK_SECONDS)
        if isinstance(way, CannotTell):
            return way
        endpoint = Endpoint(way.login.base, "", way.deadline)
        return await listing.posts_of(self._http, self._clock, endpoint, way.did, self._app, since)

    async def inquiries(self, profile: Profile, since: datetime) -> list[Inquiry] | CannotTell:
        """Return who mentioned, answered or quoted the account since a time."""
        way = await self._entrance.enter(profile, _CHECK_SECONDS)
        if not isinstance(way, Way):
            return not_let_in(way)
        return await mentions(self._sessions, self._clock, way, profile.id, self._app, since)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    # --- small things -----------------------------------------------------------------------------------------

    async def _with_answered(self, way: Way, intent: Intent) -> Intent | CannotTell | Permanent:
        return await answering(self._reader, way.login.base, self._app, intent, way.deadline)

    async def _is_absent(self, way: Way, key: str) -> bool:
        found = await self._reader.get(way.login.base, uri_of(way.did, key), way.deadline)
        return isinstance(found, Absent)

    async def _existing(self, way: Way, intent: Intent) -> Existing | Absent | Other | CannotTell:
        return await self._reader.existing(way.login.base, way.did, intent, _keys(intent), way.deadline)

    def _posted(self, existing: Existing) -> Posted:
        did, key = read_uri(existing.refs[0].uri) or ("", "")
        url = f"{self._app}/profile/{did}/post/{key}"
        return Posted(url, ",".join(ref.uri for ref in existing.refs), existing.note)


def _keys(intent: Intent) -> list[str]:
    return record_keys(intent.request_id, intent.revision, intent.profile.id, intent.content)
