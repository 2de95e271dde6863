"""Telegram channels, by a bot that is an administrator there (core.telegram.org/bots/api). Idempotency class E.

A bot cannot read what is in a channel, and the interface knows no key. The text goes first, each picture after it
as an answer with its description as caption: so a picture that fails keeps no word back.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from multidict import CIMultiDict

from schemas import canonical
from schemas.events.authority import Profile
from schemas.events.requests import Picture
from schemas.places import TELEGRAM_CHANNEL
from services.fanout.connectors.answers import joined
from services.fanout.connectors.calls.http import Answer, Endpoint, Outcome
from services.fanout.connectors.calls.outcomes import json_of
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
    Retracted,
    RetractResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.credentials.tokens import TokenFault, token_of
from services.fanout.connectors.one_at_a_time import SHARE, unhealthy
from services.fanout.connectors.send_only import SendOnlyConnector, credential_refused
from services.fanout.connectors.telegram.answering import remark_on, reply_parameters

_MAY_NOT = re.compile(
    r"bot (?:was|is not a member)|chat not found|rights|CHAT_(?:WRITE_FORBIDDEN|ADMIN_REQUIRED)|to a supergroup",
    re.IGNORECASE,
)
"""Telegram's words where the bot has to be let in, or the channel's name in city.toml is not right."""
_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,100}")
_MEDIA_SHARE = 0.8


class TelegramConnector(SendOnlyConnector):
    """Posts to channels named ``@channel``; ``server`` is the Bot API's, ``site`` where posts are looked at."""

    platform = "telegram"
    declaration = Declaration(WhenUnknown.PERSON, Correction.REPLY, delete=True, reply=True, answers=True)

    def __init__(self, server: str, token_path: Callable[[str], Path], *, site: str) -> None:
        super().__init__(token_path)
        self._server = server.rstrip("/")
        self._site = site.rstrip("/")

    async def _send(self, intent: Intent, credential: str, deadline: float, fetch_media: FetchMedia) -> PublishResult:
        channel = intent.profile.account
        if TELEGRAM_CHANNEL.fullmatch(channel) is None:
            return Permanent(f"the account {channel!r} is not of the form @channel")
        value: dict[str, Any] = {"chat_id": channel, "text": intent.content.parts[0]}
        value["link_preview_options"] = {"is_disabled": True}
        under = reply_parameters(intent, self._site)
        if isinstance(under, Permanent):
            return under
        if under is not None:
            value["reply_parameters"] = under
        outcome = await self._call(credential, deadline, "sendMessage", value=value)
        first = _message_id(outcome)
        if first is None:
            failed = self._meaning(outcome)
            gone = isinstance(failed, Permanent) and "message to be replied not found" in failed.reason
            return replace(failed, gone=True) if isinstance(failed, Permanent) and gone else failed
        now = asyncio.get_running_loop().time()
        sooner = now + (deadline - now) * _MEDIA_SHARE
        ids, note = await self._pictures(intent, credential, sooner, fetch_media, first)
        note = joined(remark_on(value, _result(outcome)), note)
        return Posted(f"{self._site}/{channel.removeprefix('@')}/{first}", ",".join([first, *ids]), note)

    async def _pictures(
        self, intent: Intent, credential: str, deadline: float, fetch_media: FetchMedia, under: str
    ) -> tuple[list[str], str]:
        """Send the pictures as answers to the text; return their ids, and a note on those that failed."""
        ids: list[str] = []
        problems: list[str] = []
        for number, picture in enumerate(intent.content.pictures, 1):
            done = await self._picture(intent, picture, credential, deadline, fetch_media, under)
            if isinstance(done, str):
                ids.append(done)
            else:
                problems.append(f"picture {number} {done.reason}")
        return ids, "; ".join(problems)

    async def _picture(
        self, intent: Intent, picture: Picture, credential: str, deadline: float, fetch_media: FetchMedia, under: str
    ) -> str | Permanent:
        try:
            async with asyncio.timeout_at(deadline):
                content = await fetch_media(picture.sha256)
        except LookupError:
            return Permanent("is missing: its bytes are not in the store")
        except TimeoutError:
            return Permanent("is missing: the store did not give it in time")
        if canonical.sha256(content) != picture.sha256:
            return Permanent("is missing: the store gave other bytes than were approved")
        form = aiohttp.FormData()
        form.add_field("chat_id", intent.profile.account)
        form.add_field("caption", picture.alt)
        form.add_field("reply_parameters", f'{{"message_id": {under}}}')
        form.add_field("photo", content, filename="picture", content_type=picture.media_type)
        outcome = await self._call(credential, deadline, "sendPhoto", data=form)
        sent = _message_id(outcome)
        if sent is not None:
            return sent
        result = self._meaning(outcome)
        may_stand = "may be missing" if isinstance(result, Unknown) else "is missing"
        return Permanent(f"{may_stand}: {result.reason}")

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Delete all its messages, the last first (within 48 hours: later Telegram refuses)."""
        ids = remote_id.split(",") if remote_id else []
        if not ids:
            return Unknown("which messages they are is not known")
        if not all(one.isdigit() for one in ids):
            return Permanent("that is not an id of this platform")
        deadline = asyncio.get_running_loop().time() + intent.call_timeout * SHARE
        try:
            token = await token_of(self._token_path(intent.profile.id))
        except TokenFault as fault:
            return Retryable(str(fault), cause=Cause.OWN)
        for one in reversed(ids):
            value = {"chat_id": intent.profile.account, "message_id": int(one)}
            outcome = await self._call(token, deadline, "deleteMessage", value=value)
            result = None if _result(outcome) is True else self._meaning(outcome)
            if isinstance(result, Permanent) and "message to delete not found" in result.reason:
                result = None
            if isinstance(result, Retryable | Permanent | Unknown):
                return result
        self._flights.forget(intent)
        return Retracted()

    async def _check(self, profile: Profile, credential: str, deadline: float) -> Health:
        """Ask who the bot is (getMe), and what it may do in the channel (getChatMember)."""
        outcome = await self._call(credential, deadline, "getMe")
        me = _result(outcome)
        bot = me.get("id") if isinstance(me, dict) else None
        if type(bot) is int:
            value = {"chat_id": profile.account, "user_id": bot}
            outcome = await self._call(credential, deadline, "getChatMember", value=value)
        member = _result(outcome)
        if type(bot) is not int or not isinstance(member, dict):
            return unhealthy(self._meaning(outcome))
        if member.get("status") != "creator" and member.get("can_post_messages") is not True:
            return Health(False, f"the bot may not post in {profile.account}: make it an administrator who may")
        return Health(True, f"{profile.account} can be posted to")

    async def _call(
        self,
        token: str,
        deadline: float,
        name: str,
        *,
        value: Mapping[str, Any] | None = None,
        data: aiohttp.FormData | None = None,
    ) -> Outcome:
        if _TOKEN.fullmatch(token) is None:
            raise TokenFault("the credential is not the token of a bot (number:letters)")
        endpoint = Endpoint(self._server, "", deadline, (token,))
        return await self._http.call(endpoint, "POST", f"/bot{token}/{name}", value=value, data=data)

    def _meaning(self, outcome: Outcome) -> Retryable | Permanent | Unknown:
        """Say what a call that did not succeed means; how long to wait is in Telegram's answers, not in headers."""
        if isinstance(outcome, Answer) and isinstance(outcome.body, dict):
            asked = outcome.body.get("parameters")
            wait = asked.get("retry_after") if isinstance(asked, dict) else None
            if isinstance(wait, int | float | str):
                outcome = replace(outcome, headers=CIMultiDict({**outcome.headers, "Retry-After": str(wait)}))
        # A token that is no more: 401, or 404 for one that never was.
        if isinstance(outcome, Answer) and outcome.status == 404 and isinstance(outcome.body, dict):
            return Retryable(f"the platform refuses the credential: {outcome.words}", cause=Cause.CREDENTIAL)
        if isinstance(outcome, Answer) and outcome.status in (400, 403) and _MAY_NOT.search(outcome.words):
            return credential_refused(outcome, "the bot may not post there")
        return self._failed(outcome)


def _result(outcome: Outcome) -> Any:
    """Return the ``result`` of an answer that says ``ok``, else None."""
    body = json_of(outcome)
    return body.get("result") if isinstance(body, dict) and body.get("ok") is True else None


def _message_id(outcome: Outcome) -> str | None:
    sent = _result(outcome)
    found = sent.get("message_id") if isinstance(sent, dict) else None
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else None
