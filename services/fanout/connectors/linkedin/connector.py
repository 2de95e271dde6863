"""LinkedIn pages, by the Posts API. Idempotency class C: the same words again are refused, and the answer names a post.

That post may be a ghost that nobody sees: a refusal as a duplicate is no receipt before the page itself shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.events.authority import Profile
from schemas.events.requests import Picture
from services.fanout.connectors.answers import answered, has_it_somewhere, joined, not_let_in, not_seen
from services.fanout.connectors.calls.http import Answer, Outcome
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.calls.uploads import again_then_without, media_deadline, uploaded
from services.fanout.connectors.chains import same
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
from services.fanout.connectors.credentials.renewing import NewCredential, NotRenewed
from services.fanout.connectors.credentials.tokens import TokenFault, renewal_of
from services.fanout.connectors.entering import enter_numbered
from services.fanout.connectors.linkedin.api import (
    LinkedInApi,
    Organization,
    encoded,
    is_deleted,
    is_duplicate,
    is_urn,
    made,
    named_in,
    not_found,
)
from services.fanout.connectors.linkedin.comments import PageComments, is_comment
from services.fanout.connectors.linkedin.comparing import differences
from services.fanout.connectors.linkedin.little_text import escaped, plain
from services.fanout.connectors.linkedin.renewal import Application, LinkedInLogin, read_application
from services.fanout.connectors.linkedin.roles import RIGHTS, left_today, role_on
from services.fanout.connectors.listing import ProfilePost
from services.fanout.connectors.one_at_a_time import CHECK_SECONDS, OneAtATime, unhealthy
from services.kernel.base.clock import Clock


class LinkedInConnector(OneAtATime):
    """Posts as company pages named by their number (the account); ``site`` is where posts are looked at."""

    platform = "linkedin"
    declaration = Declaration(WhenUnknown.LOOK, Correction.NEW_POST, delete=True, answers=True)

    def __init__(
        self, server: str, version: str, token_path: Callable[[str], Path], *, site: str, clock: Clock | None = None
    ) -> None:
        self._token_path = token_path
        self._site = site.rstrip("/")
        super().__init__(clock)
        self._api = LinkedInApi(server, version, self._clock)
        self._login = LinkedInLogin(self._site, self._api.http, self._clock)
        self._comments = PageComments(self._api, self._site, self._clock)

    async def _publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Upload its pictures, and post it with them; before a repeat look whether it is there."""
        page = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(page, Organization):
            return page
        if answered(intent):
            return await self._comments.publish(page, intent)
        found = await self._find(page, intent) if intent.repeat else Absent()
        if isinstance(found, CannotTell):
            return not_seen(found)
        if isinstance(found, Posted):
            return found
        images, note = await self._upload(page, intent, fetch_media)
        outcome, lost = await self._post(page, intent, images)
        note = joined(note, lost)
        urn = made(outcome)
        if urn:
            return self._posted(urn, note)
        if is_duplicate(outcome):
            return await self._duplicate(page, intent, outcome)
        return self._api.meaning(outcome)

    async def _post(self, page: Organization, intent: Intent, images: list[Any]) -> tuple[Outcome, str]:
        """Make the post; one whose pictures are refused goes out without them in the end, which the note says."""

        async def post(pictures: bool) -> Outcome:
            body = _body(page, intent, images if pictures else [])
            return await self._api.call(page, "POST", "/posts", value=body)

        if not images:
            return await post(False), ""
        outcome, refused = await again_then_without(post, self._api.is_of_pictures, page.deadline)
        return outcome, f"the pictures are missing: {refused.words}" if isinstance(refused, Answer) else ""

    async def _duplicate(self, page: Organization, intent: Intent, outcome: Answer) -> PublishResult:
        """Look at what it is said to be a duplicate of: only what the page shows is a receipt."""
        named = named_in(str(outcome.body))
        shown = await self._one(page, named, intent.content.parts[0]) if named else Absent()
        if isinstance(shown, Posted):
            return shown
        found = await self._find(page, intent)
        if isinstance(found, Posted):
            return found
        if isinstance(found, CannotTell) or isinstance(shown, CannotTell):
            return Unknown("it is a duplicate, and the page's posts cannot be seen")
        if intent.repeat:
            return has_it_somewhere(f"{outcome.words}; the page does not show such a post")
        return Permanent(f"{outcome.words}; the page does not show such a post: publish it in other words")

    async def _upload(self, page: Organization, intent: Intent, fetch_media: FetchMedia) -> tuple[list[Any], str]:
        """Upload the pictures; return them as a post names them, and a note on those that failed."""
        sooner = replace(page, deadline=media_deadline(page.deadline))

        async def one(picture: Picture) -> str | None:
            return await self._api.upload(sooner, picture, fetch_media)

        done, note = await uploaded(intent.content.pictures, one)
        return [{"id": name, "altText": picture.alt} for picture, name in done], note

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Look for it among the page's own posts since the request was made."""
        page = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(page, Organization):
            return not_let_in(page)
        return await (self._comments.reconcile(page, intent) if answered(intent) else self._find(page, intent))

    async def read_back(self, intent: Intent, remote_id: str) -> ReadBackResult:
        """Ask for the post by its URN, and compare it with what was approved; Absent when there is none."""
        page = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(page, Organization):
            return not_let_in(page)
        if is_comment(remote_id):
            return await self._comments.read_back(page, intent, remote_id)
        if not is_urn(remote_id):
            return CannotTell("that is not an id of this platform")
        shown = await self._shown(page, remote_id)
        if not isinstance(shown, dict):
            return shown
        altered = differences(shown, intent.content)
        return Altered(altered) if altered else self._posted(remote_id)

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Delete it. Without a ``remote_id`` it is looked for."""
        page = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(page, Organization):
            return page
        if is_comment(remote_id) or (answered(intent) and not remote_id):
            return await self._comments.retract(page, intent, remote_id)
        if not remote_id:
            found = await self._find(page, intent)
            if not isinstance(found, Posted):
                return Retracted() if isinstance(found, Absent) else Unknown(found.reason)
            remote_id = found.remote_id
        if not is_urn(remote_id):
            return Permanent("that is not an id of this platform")
        outcome = await self._api.call(
            page, "DELETE", f"/posts/{encoded(remote_id)}", headers={"X-RestLi-Method": "DELETE"}
        )
        if not is_deleted(outcome):
            return self._api.meaning(outcome)
        self._flights.forget(intent)
        return Retracted()

    async def check(self, profile: Profile) -> Health:
        """Ask what the token's owner may do on the page (organizationAcls), and what the token itself may."""
        page = await self._enter(profile, CHECK_SECONDS)
        if not isinstance(page, Organization):
            return unhealthy(page)
        health = await role_on(self._api, page)
        if not health.ok:
            return health
        application = await self._application(profile)
        if isinstance(application, Application):
            scopes = await self._login.scopes_of(page.token, application, page.deadline)
            lacking = [one for one in RIGHTS if one not in scopes] if scopes is not None else []
            if lacking:
                return Health(False, f"the token lacks the rights {', '.join(lacking)}", Cause.OWN)
        return await left_today(self._api, page, self._clock.now(), health)

    async def renew(self, profile: Profile) -> NewCredential | NotRenewed:
        """Redeem the refresh token, where LinkedIn gave one, and see that the new token opens the page."""
        page = await self._enter(profile, CHECK_SECONDS)
        if not isinstance(page, Organization):
            return NotRenewed(page.reason)
        application = await self._application(profile)
        if not isinstance(application, Application):
            return NotRenewed(application or "LinkedIn gave no refresh token: a person connects it again")
        found = await self._login.renewed(application, page.deadline)
        if isinstance(found, NotRenewed):
            return found
        health = await role_on(self._api, replace(page, token=found.credential))
        # A server that is away says nothing against what it gave a moment ago, and the old refresh token may be over.
        unasked = bool(found.renews) and health.cause in (Cause.HOST, Cause.LIMIT)
        return found if health.ok or unasked else NotRenewed(f"with the new token {health.detail}")

    async def _application(self, profile: Profile) -> Application | str:
        """Return what renews a profile's token; else why it cannot be had, empty where there is none."""
        try:
            kept = await renewal_of(self._token_path(profile.id))
            return read_application(kept) if kept else ""
        except TokenFault as fault:
            return str(fault)

    async def posts_of(self, profile: Profile, since: datetime) -> list[ProfilePost] | CannotTell:
        """Return what the page has published since a time."""
        page = await self._enter(profile, CHECK_SECONDS)
        if not isinstance(page, Organization):
            return not_let_in(page)
        shares = await self._api.posts_since(page, since)
        if isinstance(shares, CannotTell):
            return shares
        return [ProfilePost(one.urn, self._posted(one.urn).url, one.created_at, one.text, one.record) for one in shares]

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()

    # --- the way in -------------------------------------------------------------------------------------------

    async def _enter(self, profile: Profile, seconds: float) -> Organization | Retryable | Permanent:
        return await enter_numbered(profile, self._token_path, seconds, Organization, "a page")

    async def _one(self, page: Organization, urn: str, text: str | None = None) -> Posted | Absent | CannotTell:
        """Ask for a post by its URN; one with another ``text`` is not it."""
        body = await self._shown(page, urn)
        if not isinstance(body, dict):
            return body
        reads = text is None or same(plain(body.get("commentary") or ""), text)
        return self._posted(urn) if reads else Absent()

    async def _shown(self, page: Organization, urn: str) -> dict[str, Any] | Absent | CannotTell:
        """Ask for what the platform shows of a post; another page's is none of ours."""
        outcome = await self._api.call(page, "GET", f"/posts/{encoded(urn)}")
        if not_found(outcome):
            return Absent()
        body = json_of(outcome)
        if not isinstance(body, dict) or body.get("id") != urn or body.get("lifecycleState") != "PUBLISHED":
            return cannot_tell("the platform does not say whether it is there", outcome, self._clock)
        if not isinstance(body.get("author"), str) or not isinstance(body.get("commentary") or "", str):
            return CannotTell("the platform shows no author of it, or no text")
        return body if body["author"] == page.urn else Absent()

    async def _find(self, page: Organization, intent: Intent) -> Posted | Absent | CannotTell:
        shares = await self._api.posts_of_request(page, intent.author_time)
        if isinstance(shares, CannotTell):
            return shares
        existing = [(one.created_at, one.urn) for one in shares if same(one.text, intent.content.parts[0])]
        return self._posted(min(existing)[1]) if existing else Absent()

    def _posted(self, urn: str, note: str = "") -> Posted:
        return Posted(f"{self._site}/feed/update/{urn}", urn, note)


def _body(page: Organization, intent: Intent, images: list[Any]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "author": page.urn,
        "commentary": escaped(intent.content.parts[0]),
        "visibility": "PUBLIC",
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": False,
    }
    if len(images) == 1:
        body["content"] = {"media": images[0]}
    elif images:
        body["content"] = {"multiImage": {"images": images}}
    return body
