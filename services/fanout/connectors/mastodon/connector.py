"""Mastodon, and whatever speaks its API (docs.joinmastodon.org). Idempotency class B (docs/platforms.md).

The Idempotency-Key helps for an hour and is not to be trusted alone: it holds the content's hash, and what has an
unknown outcome is looked for among the account's own posts before it is sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from schemas.events.authority import Profile
from schemas.languages import base
from services.fanout.connectors.answers import is_gone, not_let_in
from services.fanout.connectors.calls.http import Endpoint, Http, NotSent
from services.fanout.connectors.calls.refusals import NO_SCOPE, refusal
from services.fanout.connectors.chains import Status
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
from services.fanout.connectors.credentials.tokens import TokenFault, token_of
from services.fanout.connectors.inquiry import Inquiry
from services.fanout.connectors.listing import ProfilePost
from services.fanout.connectors.mastodon import listing
from services.fanout.connectors.mastodon.answering import answering
from services.fanout.connectors.mastodon.checking import check_account
from services.fanout.connectors.mastodon.comparing import compare
from services.fanout.connectors.mastodon.existing import addressed, is_deleted, posted
from services.fanout.connectors.mastodon.ids import SAFE_ID
from services.fanout.connectors.mastodon.instance import Instances
from services.fanout.connectors.mastodon.media import upload_all
from services.fanout.connectors.mastodon.mentions import mentions
from services.fanout.connectors.mastodon.sending import Made, hash_of, own, send, status_of, why_refused
from services.fanout.connectors.mastodon.timeline import USUAL_DEPTH, TimelineDepth, find
from services.fanout.connectors.one_at_a_time import unhealthy
from services.fanout.domain.addresses import own_address
from services.kernel.base.clock import SystemClock
from services.kernel.base.settings.city_platforms import ServerLimits

_REMEMBERED = 10_000
_SHARE = 0.95
"""The part of a call's time that is used, so that the answer comes before the caller gives up."""
_MEDIA_SHARE = 0.5
_CHECK_SECONDS = 10.0


@dataclass(frozen=True)
class _Account:
    """An account whose token was checked, and the endpoint that it opens."""

    endpoint: Endpoint
    id: str


class MastodonConnector(Connector):
    """Posts as the accounts of profiles of the form ``name@instance``.

    ``base_of`` gives an instance's base URL or raises LookupError; ``token_path`` is where a profile's token lies;
    ``language`` (ISO 639) is that of content without one; a post is looked for as far back as ``depth`` says.
    """

    platform = "mastodon"
    declaration = Declaration(WhenUnknown.LOOK, Correction.REPLY, delete=True, reply=True, answers=True)

    def __init__(
        self,
        base_of: Callable[[str], str],
        token_path: Callable[[str], Path],
        *,
        language: str = "en",
        expected: Mapping[str, ServerLimits] | None = None,
        depth: TimelineDepth = USUAL_DEPTH,
    ) -> None:
        self._depth = depth
        self._base_of = base_of
        self._token_path = lru_cache(maxsize=16_384)(token_path)
        self._language = language
        self._clock = SystemClock()
        self._http = Http(512)
        self._instances = Instances(self._http, self._clock, expected or {})
        self._sent: dict[str, str] = {}
        self._narrow: dict[str, str] = {}

    # --- publish ----------------------------------------------------------------------------------------------

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Post it, part by part. A thread that is in part is continued; a repeat finds what is there."""
        account = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(account, _Account):
            return account
        there = await answering(self._http, self._clock, account.endpoint, intent)
        if not isinstance(there, Intent):
            return there
        intent = there
        refused = why_refused(intent, await self._instances.limits(account.endpoint))
        if refused is not None:
            return Permanent(refused)
        content = hash_of(intent.content)
        earlier = self._sent.get(intent.idempotency_key)
        if earlier is not None and earlier != content:
            return Permanent("this idempotency key was used for other content")
        existing: list[Status] = []
        if earlier is not None or intent.repeat:
            found = await self._find(account, intent)
            if isinstance(found, CannotTell):
                # This call has sent nothing, and each later one looks first as well.
                reason = f"it cannot be seen what is there already: {found.reason}"
                return Retryable(reason, found.after, cause=found.cause or Cause.LIMIT)
            existing = found
        return await self._continue(account, intent, content, existing, fetch_media)

    async def _continue(
        self, account: _Account, intent: Intent, content: str, existing: list[Status], fetch_media: FetchMedia
    ) -> PublishResult:
        """Post the parts that do not stand yet, each in reply to the one before it."""
        media_ids: list[str] = []
        note = ""
        if intent.content.pictures and not existing:
            uploaded = await self._upload(account.endpoint, intent, fetch_media)
            if isinstance(uploaded, NotSent):
                return Retryable(uploaded.reason, cause=Cause.HOST)
            media_ids, note = uploaded
        stands = addressed(existing, account.endpoint.base)
        for number in range(len(stands), len(intent.content.parts)):
            language = base(intent.content.language_of(number) or self._language)
            before = stands[-1][0] if stands else _answers(intent)
            pictures = () if stands else tuple(media_ids)
            body = status_of(intent.content.parts[number], language, before, pictures)
            self._remember(intent.idempotency_key, content)
            key = f"{intent.idempotency_key}-{number + 1}-{content[:32]}"
            above = stands[-1][0] if stands else ""
            done = await send(self._http, self._clock, account.endpoint, body, key, above)
            done = own(done, account.id, (one for one, _ in stands))
            if not isinstance(done, Made):
                return self._give_up(intent, done, stands, account.endpoint.token)
            stands.append((done.id, own_address(done.url, account.endpoint.base)))
            note = "; ".join(filter(None, (note, done.remark)))
        return posted(stands, note)

    def _give_up(
        self, intent: Intent, result: Retryable | Permanent | Unknown, stands: list[tuple[str, str]], token: str
    ) -> Retryable | Permanent | Unknown:
        if isinstance(result, Retryable) and result.reason.startswith(NO_SCOPE):
            self._narrow[token] = result.reason  # only another token is worth an attempt
        if isinstance(result, Unknown):
            return result
        if not stands:
            self._sent.pop(intent.idempotency_key, None)
            return result
        count = f"{len(stands)} of {len(intent.content.parts)} parts are posted: {result.reason}"
        if isinstance(result, Permanent):
            return Permanent(count, begun=posted(stands))
        return Retryable(count, result.after, begun=posted(stands), cause=result.cause)

    async def _upload(
        self, endpoint: Endpoint, intent: Intent, fetch_media: FetchMedia
    ) -> tuple[list[str], str] | NotSent:
        now = asyncio.get_running_loop().time()
        sooner = Endpoint(endpoint.base, endpoint.token, now + (endpoint.deadline - now) * _MEDIA_SHARE)
        return await upload_all(self._http, sooner, intent.content.pictures, fetch_media)

    def _remember(self, key: str, content: str) -> None:
        self._sent[key] = content
        if len(self._sent) > _REMEMBERED:
            del self._sent[next(iter(self._sent))]

    # --- reconcile, retract, check ----------------------------------------------------------------------------

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Look for it among the account's own posts since the request was made."""
        account = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(account, _Account):
            return not_let_in(account)
        existing = await self._find(account, intent)
        if isinstance(existing, CannotTell):
            return existing
        if not existing:
            return Absent()
        found = posted(addressed(existing, account.endpoint.base))
        return found if len(existing) == len(intent.content.parts) else Absent(begun=found)

    async def read_back(self, intent: Intent, remote_id: str) -> ReadBackResult:
        """Ask for each of its statuses by id, and compare it with what was approved; Absent as soon as one is gone."""
        account = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(account, _Account):
            return not_let_in(account)
        there = await answering(self._http, self._clock, account.endpoint, intent)
        if isinstance(there, Retryable):
            return not_let_in(there)
        if isinstance(there, Intent):  # else what it answers is gone, and the server shows it alone
            intent = there
        found = await compare(self._http, self._clock, account.endpoint, intent, remote_id.split(","), self._language)
        return Posted(found, remote_id) if isinstance(found, str) else found

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Delete all its parts, the last first. Without a ``remote_id`` it is looked for."""
        account = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(account, _Account):
            return account
        ids = remote_id.split(",") if remote_id else []
        if not ids:
            if isinstance(existing := await self._find(account, intent), CannotTell):
                return Unknown(existing.reason)
            ids = [status.id for status in existing]
        if not all(SAFE_ID.fullmatch(one) for one in ids):
            return Permanent("that is not an id of this platform")
        for one in reversed(ids):
            outcome = await self._http.call(account.endpoint, "DELETE", f"/api/v1/statuses/{one}")
            if not is_deleted(outcome) and not is_gone(outcome, self._clock):
                return refusal(outcome, self._clock)
        return Retracted()

    async def check(self, profile: Profile) -> Health:
        """Ask the server whose account the credential opens (verify_credentials)."""
        account = await self._enter(profile, _CHECK_SECONDS, refresh=True)
        if not isinstance(account, _Account):
            return unhealthy(account)
        return await check_account(self._http, self._instances, profile, account.endpoint)

    async def posts_of(self, profile: Profile, since: datetime) -> list[ProfilePost] | CannotTell:
        """Return the account's statuses since a time."""
        account = await self._enter(profile, _CHECK_SECONDS)
        if not isinstance(account, _Account):
            return not_let_in(account)
        return await listing.posts_of(self._http, self._clock, account.endpoint, account.id, since)

    async def inquiries(self, profile: Profile, since: datetime) -> list[Inquiry] | CannotTell:
        """Return who mentioned the account in public since a time, or answered it."""
        account = await self._enter(profile, _CHECK_SECONDS)
        if not isinstance(account, _Account):
            return not_let_in(account)
        return await mentions(self._http, self._clock, account.endpoint, profile.id, since)

    async def close(self) -> None:
        """Close all connections."""
        await self._instances.close()
        await self._http.close()

    # --- the way in -------------------------------------------------------------------------------------------

    async def _enter(
        self, profile: Profile, seconds: float, *, refresh: bool = False
    ) -> _Account | Retryable | Permanent:
        """Find the server, read the token and make sure that it is this profile's (asked once, then remembered)."""
        username, at, instance = profile.account.removeprefix("@").rpartition("@")
        if not at or not username:
            return Permanent(f"the account {profile.account!r} is not of the form name@instance")
        deadline = asyncio.get_running_loop().time() + seconds * _SHARE
        try:
            base = self._base_of(instance)
            token = await token_of(self._token_path(profile.id))
        except LookupError:
            return Permanent(f"city.toml, [mastodon.instances], has no address for {instance!r}")
        except TokenFault as fault:
            return Retryable(str(fault), cause=Cause.OWN)
        if narrow := self._narrow.get(token):
            return Retryable(narrow, cause=Cause.CREDENTIAL)
        endpoint = Endpoint(base.rstrip("/"), token, deadline)
        found = await self._instances.account_id(endpoint, username, refresh=refresh)
        return _Account(endpoint, found) if isinstance(found, str) else found

    async def _find(self, account: _Account, intent: Intent) -> list[Status] | CannotTell:
        there = await answering(self._http, self._clock, account.endpoint, intent)
        if not isinstance(there, Intent):
            return not_let_in(there)
        parts, made_at, answers = intent.content.parts, intent.author_time, _answers(there)
        return await find(self._http, self._clock, account.endpoint, account.id, parts, made_at, answers, self._depth)


def _answers(intent: Intent) -> str | None:
    """Return the id of the status that the first part answers: the first part of the earlier post."""
    return intent.follows.partition(",")[0] or None
