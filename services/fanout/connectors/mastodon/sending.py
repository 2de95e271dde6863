"""Sends one status, and compares what the server made of it with what was asked before that is believed."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from schemas import canonical
from schemas.events.requests import PlatformContent
from schemas.platforms import Limits, counted_length
from services.fanout.connectors.answers import is_gone
from services.fanout.connectors.calls.http import Answer, Endpoint, Http, Outcome
from services.fanout.connectors.calls.refusals import has_it_already, refusal
from services.fanout.connectors.calls.uploads import AGAIN_SECONDS, AGAIN_TIMES, again_then_without, pause_before
from services.fanout.connectors.chains import same
from services.fanout.connectors.contract import Cause, Intent, Permanent, Retryable, Unknown
from services.fanout.connectors.mastodon.ids import SAFE_ID, id_of
from services.fanout.connectors.mastodon.text import plain_text, short
from services.fanout.domain.addresses import own_address
from services.kernel.base.clock import Clock
from services.kernel.base.remember import by_identity

_NO_RECORD = re.compile("Record not found")
"""What Mastodon says, in English always, where a key's post was deleted; of a missing parent it speaks as set there."""


@dataclass(frozen=True)
class Made:
    """A status that stands; ``remark`` says in what it differs from what was asked.

    ``author``: the id of the account that it stands on, empty where the server does not say.
    """

    id: str
    url: str
    remark: str = ""
    author: str = ""


class _Alone(Permanent):
    """Refused, as what it answers is not there."""


Sent = Made | Retryable | Permanent | Unknown


@by_identity(256)
def hash_of(content: PlatformContent) -> str:
    """Return the SHA-256 of what is posted, the same for all profiles of a message."""
    return canonical.sha256(content.to_bytes())


@lru_cache(maxsize=64)
def status_of(text: str, language: str, before: str | None, pictures: tuple[str, ...]) -> Mapping[str, Any]:
    """Return what is sent of one status, the same object for all accounts of a message: it is written out once.

    Args:
        text: its words.
        language: their language (ISO 639).
        before: the status that it answers; None or empty: none.
        pictures: the ids of what was uploaded for it.
    """
    body: dict[str, Any] = {"status": text, "visibility": "public", "content_type": "text/plain", "language": language}
    if before:
        body["in_reply_to_id"] = before
    if pictures:
        body["media_ids"] = list(pictures)
    return MappingProxyType(body)


@by_identity(64)
def _written(body: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(body)).encode()


async def send(
    http: Http, clock: Clock, endpoint: Endpoint, body: Mapping[str, Any], key: str, above: str = ""
) -> Sent:
    """Send a status (POST /api/v1/statuses); where the server does not see yet what it answers, again a moment later.

    ``above``: the part before it, which this message has posted; while that stands, its answer has not failed.
    """
    sent = await _with_pictures(http, clock, endpoint, body, key)
    for _ in range(AGAIN_TIMES):
        if not above or not isinstance(sent, _Alone):
            return sent
        await asyncio.sleep(pause_before(endpoint.deadline))
        sent = await _send(http, clock, endpoint, body, key)  # what was refused has left nothing under its key
    if not isinstance(sent, _Alone):
        return sent
    outcome = await http.call(endpoint, "GET", f"/api/v1/statuses/{above}")
    if is_gone(outcome, clock):
        return sent
    return Retryable(f"the part before it is not shown yet: {sent.reason}", after=AGAIN_SECONDS)


async def _with_pictures(http: Http, clock: Clock, endpoint: Endpoint, body: Mapping[str, Any], key: str) -> Sent:
    """Send a status. One with pictures that is refused goes out without them in the end.

    A server may say that a picture is ready and refuse it all the same, in words of any language.
    """
    if "media_ids" not in body:
        return await _send(http, clock, endpoint, body, key)
    keys = iter((key, *(f"{key}-again-{number + 1}" for number in range(AGAIN_TIMES))))
    plain = {name: value for name, value in body.items() if name != "media_ids"}

    async def post(pictures: bool) -> Sent:
        shown, its_key = (body, next(keys)) if pictures else (plain, f"{key}-plain")
        return await _send(http, clock, endpoint, shown, its_key)

    sent, refused = await again_then_without(post, _is_refused, endpoint.deadline)
    if not isinstance(refused, Permanent) or not isinstance(sent, Made):
        return sent
    return replace(sent, remark="; ".join(filter(None, (f"the pictures are missing: {refused.reason}", sent.remark))))


def _is_refused(sent: Sent) -> bool:
    return isinstance(sent, Permanent)


def own(sent: Sent, account_id: str, others: Iterable[str]) -> Sent:
    """Return what was sent, if the answer can be of it: of this account, and none of the posts that were there before.

    A server or a proxy that mixes up its answers is not believed; what stands is looked for.
    """
    if isinstance(sent, Made) and (sent.author not in ("", account_id) or sent.id in others):
        return Unknown("the server answered with another post than the one that was sent", Cause.HOST)
    return sent


async def _send(http: Http, clock: Clock, endpoint: Endpoint, body: Mapping[str, Any], key: str) -> Sent:
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    outcome = await http.call(endpoint, "POST", "/api/v1/statuses", data=_written(body), headers=headers)
    if not isinstance(outcome, Answer) or not 200 <= outcome.status < 300:
        why = refusal(outcome, clock)
        twice = isinstance(why, Permanent) and has_it_already(outcome)
        if isinstance(why, Permanent) and _has_no_parent(outcome):
            return _Alone(why.reason)
        return Unknown(f"the server says that it is there already: {why.reason}") if twice else why
    made = outcome.body if isinstance(outcome.body, dict) else {}
    name = id_of(made.get("id"))
    if not name:
        return Unknown(f"the server answered and did not name a post (HTTP {outcome.status})", Cause.HOST)
    return Made(
        name,
        own_address(str(made.get("url") or made.get("uri") or ""), endpoint.base),
        remark_on(body, made),
        id_of(made["account"].get("id")) if isinstance(made.get("account"), dict) else "",
    )


def _has_no_parent(outcome: Outcome) -> bool:
    """Say whether a status is refused as an answer to what is not there; a key whose post is gone is another thing."""
    return isinstance(outcome, Answer) and outcome.status == 404 and not _NO_RECORD.match(outcome.words)


def remark_on(body: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    """Say in what a Status entity differs from what was asked, empty where in nothing."""
    return "; ".join(words for _, words in remarks_on(body, made))


def remarks_on(body: Mapping[str, Any], made: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return in what a Status entity differs from what was asked: what, and in words; what it lacks is not looked at.

    Mentions may be shown without their host.
    """
    found = []
    shown, pictures = made.get("content"), made.get("media_attachments")
    if isinstance(shown, str) and not _shows(shown, str(body["status"])):
        found.append(("text", "the server shows the text otherwise than it was approved"))
    missing = len(body.get("media_ids", ())) - len(pictures) if isinstance(pictures, list) else 0
    if missing:
        words = f"{missing} of its pictures are missing" if missing > 0 else f"{-missing} pictures more are there"
        found.append(("pictures", words))
    for name, words in (("language", "it is marked as language"), ("visibility", "its visibility is")):
        said = made.get(name)
        if isinstance(said, str) and said != body[name]:
            found.append((name, f"{words} {said[:20]!r}"))
    if "in_reply_to_id" in made and id_of(made["in_reply_to_id"]) != body.get("in_reply_to_id", ""):
        found.append(("place", "it does not stand in its thread"))
    return found


@lru_cache(maxsize=16)
def _shows(html: str, text: str) -> bool:
    """Return whether a status shows a text; a message to many accounts of a server comes back in the same words."""
    return same(short(plain_text(html)), short(text))


@lru_cache(maxsize=256)
def _by_graphemes(limits: Limits) -> Limits:
    return replace(limits, code_points=False)


def why_refused(intent: Intent, limits: Limits) -> str | None:
    """Say what this server would not take, before any part of it is sent."""
    if (answers := intent.follows.partition(",")[0]) and not SAFE_ID.fullmatch(answers):
        return "what it answers is not an id of this platform"
    fewest = _by_graphemes(limits)  # how it counts, the server knows
    for number, part in enumerate(intent.content.parts, 1):
        length = counted_length(part, fewest)
        if length > limits.characters:
            return f"part {number} has {length} characters, this server takes {limits.characters}"
    if len(intent.content.pictures) > limits.pictures:
        return f"{len(intent.content.pictures)} pictures, this server takes {limits.pictures}"
    return None
