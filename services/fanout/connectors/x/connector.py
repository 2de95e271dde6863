"""X, by its API v2. Idempotency class C: the same words again are refused, without saying where they stand.

A refusal as a duplicate is no receipt: the account's own posts are looked at, and only what is found there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.events.authority import Profile
from schemas.events.requests import Picture
from services.fanout.connectors.answers import (
    OTHER_TEXT,
    has_it_somewhere,
    joined,
    not_let_in,
    not_seen,
    not_told_whose,
    stopped,
)
from services.fanout.connectors.calls.http import Answer
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.calls.uploads import media_deadline, uploaded
from services.fanout.connectors.chains import Status, longest_chain, same
from services.fanout.connectors.contract import (
    Absent,
    Altered,
    CannotTell,
    Cause,
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
from services.fanout.connectors.one_at_a_time import CHECK_SECONDS, SHARE, OneAtATime, unhealthy
from services.fanout.connectors.x import listing
from services.fanout.connectors.x.api import ME, XAccount, XApi, data_of, is_gone, only_reads, shown_of
from services.fanout.connectors.x.comparing import ASKED, MadePost, differences
from services.fanout.connectors.x.costs import CallCosts
from services.fanout.connectors.x.mentions import mentions
from services.fanout.connectors.x.oauth import Keys, read_keys
from services.fanout.connectors.x.repost import Reposts, reposted, under
from services.fanout.connectors.x.sending import RefusedPost, send


class XConnector(OneAtATime):
    """Posts as accounts named by their user name; ``server`` is the API's, ``site`` where posts are looked at.

    ``costs`` counts what is read and deleted.
    """

    platform = "x"
    declaration = Declaration(WhenUnknown.LOOK, Correction.REPLY, delete=True, reply=True, answers=True, repost=True)

    def __init__(
        self,
        server: str,
        token_path: Callable[[str], Path],
        *,
        site: str,
        costs: CallCosts | None = None,
    ) -> None:
        self._token_path = token_path
        self._site = site.rstrip("/")
        super().__init__()
        self._api = XApi(server, self._clock, connections=128, costs=costs)
        self._reposts = Reposts(self._api, self._site, self._clock)
        self._known: dict[Keys, tuple[str, str, str]] = {}

    # --- publish ----------------------------------------------------------------------------------------------

    def _why_refused(self, intent: Intent) -> str | None:
        answers = under(intent, self._site)
        foreign = bool(answers) and not answers.isdigit()
        return super()._why_refused(intent) or ("what it answers is not a post of this platform" if foreign else None)

    async def _publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Post its parts, each as an answer to the one before; what is there already is not posted again."""
        account = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(account, XAccount):
            return account
        existing: list[Status] = []
        if intent.repeat:
            found = await self._find(account, intent)
            if isinstance(found, CannotTell):
                return not_seen(found)
            existing = found
        lead = intent.repost_of.partition(",")[0]
        if lead.isdigit() and not existing:
            return await self._reposts.make(account, lead)
        return await self._continue(account, intent, existing, fetch_media)

    async def _continue(
        self, account: XAccount, intent: Intent, existing: list[Status], fetch_media: FetchMedia
    ) -> PublishResult:
        """Post the parts that do not stand yet; what turns out to stand by then is continued as well."""
        media, note = ([], "") if existing else await self._upload(account, intent, fetch_media)
        ids = [status.id for status in existing]
        for part in intent.content.parts[len(existing) :]:
            body: dict[str, Any] = {"text": part}
            if before := ids[-1] if ids else under(intent, self._site):
                body["reply"] = {"in_reply_to_tweet_id": before}
            if media and not ids:
                body["media"] = {"media_ids": media}
            done = await send(self._api, account, body, ids[-1] if ids else "")
            if isinstance(done, RefusedPost) and done.twice:
                found = await self._find(account, intent)
                if isinstance(found, CannotTell):
                    return Unknown(f"it is a duplicate, and the account's posts cannot be seen: {found.reason}")
                if len(found) > len(ids):
                    return await self._continue(account, intent, found, fetch_media)
                if intent.repeat:
                    return has_it_somewhere(f"{done.reason}; the account's posts do not show it")
            if not isinstance(done, MadePost):
                return stopped(
                    done, self._posted_ids(account, ids) if ids else None, len(ids), len(intent.content.parts)
                )
            ids.append(done.id)
            note = joined(note, done.note)
            note = note if done.as_sent or OTHER_TEXT in note else joined(note, OTHER_TEXT)
        return self._posted_ids(account, ids, note)

    async def _upload(self, account: XAccount, intent: Intent, fetch_media: FetchMedia) -> tuple[list[str], str]:
        sooner = media_deadline(account.deadline)

        async def one(picture: Picture) -> str | None:
            return await self._api.upload(account, picture, fetch_media, sooner)

        done, note = await uploaded(intent.content.pictures, one, "could not be uploaded with its description")
        return [name for _, name in done], note

    # --- reconcile, retract, check ----------------------------------------------------------------------------

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Look for it among the account's own posts since the request was made."""
        account = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(account, XAccount):
            return not_let_in(account)
        found = await self._find(account, intent)
        if isinstance(found, CannotTell):
            return found
        if not found:
            lead = intent.repost_of.partition(",")[0]
            shows = await self._reposts.stands(account, lead) if lead.isdigit() else False
            return shows if isinstance(shows, CannotTell) else self._reposts.posted(lead) if shows else Absent()
        posted = self._posted(account, found)
        return posted if len(found) == len(intent.content.parts) else Absent(begun=posted)

    async def read_back(self, intent: Intent, remote_id: str) -> ReadBackResult:
        """Ask for each of its posts by id, and compare them; Absent as soon as X says that one is not there."""
        account = await self._enter(intent.profile, intent.call_timeout)
        ids, shown = remote_id.split(","), list[dict[str, Any]]()
        if not isinstance(account, XAccount):
            return not_let_in(account)
        if lead := reposted(remote_id):
            shows = await self._reposts.stands(account, lead)
            return shows if isinstance(shows, CannotTell) else self._reposts.posted(lead) if shows else Absent()
        for one in ids:
            if not one.isdigit():
                return CannotTell("that is not an id of this platform")
            outcome = await self._api.call(account.keys, account.deadline, "GET", f"/2/tweets/{one}", query=ASKED)
            if is_gone(outcome):
                return Absent()
            if data_of(outcome, 200).get("id") != one or not isinstance(outcome, Answer):
                return cannot_tell("the platform does not say whether it is there", outcome, self._clock)
            shown.append(outcome.body)
        try:
            altered = differences(shown, intent.content, under(intent, self._site))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return CannotTell(f"the platform's answer cannot be read: {type(error).__name__}")
        return Altered(altered) if altered else self._posted_ids(account, ids)

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Delete all its parts, the last first. Without a ``remote_id`` it is looked for."""
        account = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(account, XAccount):
            return account
        if lead := reposted(remote_id):
            self._flights.forget(intent)
            return await self._reposts.take_back(account, lead)
        ids = remote_id.split(",") if remote_id else []
        if not ids:
            found = await self._find(account, intent)
            if isinstance(found, CannotTell):
                return Unknown(found.reason)
            ids = [status.id for status in found]
        if not all(one.isdigit() for one in ids):
            return Permanent("that is not an id of this platform")
        for one in reversed(ids):
            outcome = await self._api.call(account.keys, account.deadline, "DELETE", f"/2/tweets/{one}")
            if data_of(outcome, 200).get("deleted") is not True and not is_gone(outcome):
                return self._api.meaning(outcome)
        self._flights.forget(intent)
        return Retracted()

    async def check(self, profile: Profile) -> Health:
        """Ask the platform whose account the keys open (GET /2/users/me)."""
        account = await self._enter(profile, CHECK_SECONDS, refresh=True)
        if not isinstance(account, XAccount):
            return unhealthy(account)
        return Health(True, f"@{account.username} can be posted to", shows=self._known[account.keys][2])

    async def inquiries(self, profile: Profile, since: datetime) -> list[Inquiry] | CannotTell:
        """Return the newest hundred mentions since a time, answers to the account's posts among them."""
        account = await self._enter(profile, CHECK_SECONDS)
        if not isinstance(account, XAccount):
            return not_let_in(account)
        return await mentions(self._api, account, profile.id, since, self._site, self._clock)

    async def posts_of(self, profile: Profile, since: datetime) -> list[ProfilePost] | CannotTell:
        """Return the account's posts and reposts since a time."""
        account = await self._enter(profile, CHECK_SECONDS)
        if not isinstance(account, XAccount):
            return not_let_in(account)
        return await listing.posts_of(self._api, account, since, self._site, self._clock)

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()

    # --- the way in -------------------------------------------------------------------------------------------

    async def _enter(
        self, profile: Profile, seconds: float, *, refresh: bool = False
    ) -> XAccount | Retryable | Permanent:
        """Read the keys and make sure that they are this profile's (asked once, then remembered)."""
        deadline = asyncio.get_running_loop().time() + seconds * SHARE
        wanted = profile.account.removeprefix("@")
        try:
            keys = read_keys(await token_of(self._token_path(profile.id)))
        except TokenFault as fault:
            return Retryable(str(fault), cause=Cause.OWN)
        known = self._known.get(keys)
        if known is None or refresh:
            outcome = await self._api.call(keys, deadline, "GET", "/2/users/me", query=ME)
            me = data_of(outcome, 200)
            if not isinstance(me.get("id"), str) or not me["id"].isdigit():
                return not_told_whose(outcome, self._api.meaning(outcome), Cause.CREDENTIAL)
            if only_reads(outcome):
                return Retryable("the application may only read: give it read and write rights", cause=Cause.OWN)
            known = self._known[keys] = me["id"], str(me.get("username")), shown_of(me)
        if known[1].lower() != wanted.lower():
            return Retryable(f"the keys open @{known[1]}, and not @{wanted}", cause=Cause.OWN)
        return XAccount(keys, known[0], known[1], deadline)

    async def _find(self, account: XAccount, intent: Intent) -> list[Status] | CannotTell:
        posts = await self._api.posts_since(account, intent.author_time)
        if isinstance(posts, CannotTell):
            return posts
        answers = under(intent, self._site) or None
        return longest_chain(intent.content.parts, posts, lambda post, part: same(post.text, part), answers)

    def _posted(self, account: XAccount, found: list[Status]) -> Posted:
        return self._posted_ids(account, [status.id for status in found])

    def _posted_ids(self, account: XAccount, ids: list[str], note: str = "") -> Posted:
        return Posted(f"{self._site}/{account.username}/status/{ids[0]}", ",".join(ids), note)
