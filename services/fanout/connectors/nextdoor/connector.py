"""Nextdoor, for public agencies (developer.nextdoor.com, Publish API). Idempotency class E.

A post goes to the whole area of the agency that the token belongs to. The interface knows no key; how own posts are
listed and deleted is not documented to the public, so neither is done. Pictures are addresses that Nextdoor fetches;
it takes no descriptions, so those stand in the text.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemas.events.authority import Profile
from services.fanout.connectors.answers import joined
from services.fanout.connectors.calls.http import Answer, Endpoint, Outcome
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import has_it_already
from services.fanout.connectors.calls.uploads import again_then_without
from services.fanout.connectors.contract import (
    Cause,
    Correction,
    Declaration,
    FetchMedia,
    Health,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.credentials.tokens import TokenFault
from services.fanout.connectors.meta.pictures import Frame, PublicPictures
from services.fanout.connectors.one_at_a_time import unhealthy
from services.fanout.connectors.send_only import SendOnlyConnector, with_pictures_in_words

_API = "/external/api/partner/v1"
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{8,4000}")
_LINK = re.compile(r"(https://([a-z]{2}\.)?nextdoor\.com)/p/(?P<post>[A-Za-z0-9_-]{1,200})/?")
_FRAME = Frame(0.2, 5.0, 2_048)
_MEDIA_SHARE = 0.5

Sent = Posted | Retryable | Permanent | Unknown


class NextdoorConnector(SendOnlyConnector):
    """Posts as the agency whose number is the account; ``server`` is Nextdoor's of the country."""

    platform = "nextdoor"
    declaration = Declaration(WhenUnknown.PERSON, Correction.NEW_POST)

    def __init__(
        self,
        server: str,
        token_path: Callable[[str], Path],
        pictures: PublicPictures,
    ) -> None:
        super().__init__(token_path)
        self._server = server.rstrip("/")
        self._pictures = pictures

    async def _send(self, intent: Intent, credential: str, deadline: float, fetch_media: FetchMedia) -> PublishResult:
        if not intent.profile.account.isdigit():
            return Permanent(f"the account {intent.profile.account!r} is not the number of an agency")
        endpoint = self._endpoint(credential, deadline)
        text, _ = with_pictures_in_words(intent)
        value: dict[str, Any] = {"body_text": text}
        shown, note = await self._shown(intent, deadline, fetch_media)

        async def post(pictures: bool) -> Sent:
            return await self._post(intent, endpoint, value | ({"media_attachments": shown} if pictures else {}), note)

        if not shown:
            return await post(False)
        # No reader is to wait for a picture that Nextdoor cannot fetch: its words stand in the text.
        sent, refused = await again_then_without(post, _is_refused, deadline)
        if isinstance(sent, Posted) and isinstance(refused, Permanent):
            return replace(sent, note=joined(note, f"the pictures are missing: {refused.reason}"))
        return sent

    async def _post(self, intent: Intent, endpoint: Endpoint, value: dict[str, Any], note: str) -> Sent:
        outcome = await self._http.call(endpoint, "POST", f"{_API}/post/create/", value=value)
        body = json_of(outcome)
        if isinstance(body, dict) and body.get("result") == "success":
            return self._posted(intent, str(body.get("share_link", "")), note)
        why = self._meaning(outcome)
        if isinstance(why, Permanent) and has_it_already(outcome):
            return Unknown(f"the platform says that it is there already: {why.reason}")
        return why

    async def _shown(self, intent: Intent, deadline: float, fetch_media: FetchMedia) -> tuple[list[str], str]:
        """Return the pictures' public addresses, and a note on those that cannot be had."""
        now = asyncio.get_running_loop().time()
        sooner = now + (deadline - now) * _MEDIA_SHARE
        shown: list[str] = []
        problems: list[str] = []
        for number, picture in enumerate(intent.content.pictures, 1):
            url = await self._pictures.show(picture, fetch_media, _FRAME, sooner)
            if url is not None:
                shown.append(url)
            else:
                problems.append(f"picture {number} is missing: its bytes could not be had")
        return shown, "; ".join(problems)

    def _posted(self, intent: Intent, link: str, note: str) -> Posted:
        url, post = read_link(link, self._server)
        return Posted(url, post or intent.idempotency_key, note)

    async def _check(self, profile: Profile, credential: str, deadline: float) -> Health:
        """Ask whose token it is (GET /me/): an agency's names its agency."""
        outcome = await self._http.call(self._endpoint(credential, deadline), "GET", f"{_API}/me/")
        body = json_of(outcome)
        if not isinstance(body, dict):
            return unhealthy(self._meaning(outcome))
        agency = str(body.get("agency_id") or "")
        if not agency:
            return Health(False, "the token's owner is a neighbour, and no public agency", Cause.OWN)
        if agency != profile.account:
            return Health(False, f"the token is of agency {agency}, and not of {profile.account}", Cause.OWN)
        return Health(True, f"{body.get('agency_name') or agency} can be posted to")

    def _endpoint(self, credential: str, deadline: float) -> Endpoint:
        if _TOKEN.fullmatch(credential) is None:
            raise TokenFault("the credential is not an access token")
        return Endpoint(self._server, credential, deadline)

    def _meaning(self, outcome: Outcome) -> Retryable | Permanent | Unknown:
        """Say what a call that did not succeed means; 403 is a scope that lacks ("lack of scope")."""
        if isinstance(outcome, Answer) and outcome.status == 403 and isinstance(outcome.body, dict):
            return Retryable(f"the platform refuses the credential: {outcome.words}", cause=Cause.CREDENTIAL)
        return self._failed(outcome)


def _is_refused(sent: Sent) -> bool:
    return isinstance(sent, Permanent)


def read_link(link: str, server: str) -> tuple[str, str]:
    """Return a post's address and name, both empty for what is no address of Nextdoor's, or of this server."""
    ours = link.replace(server, "https://nextdoor.com", 1) if link.startswith(f"{server}/") else link
    match = _LINK.fullmatch(ours)
    return (link, match["post"]) if match else ("", "")
