"""Compares the statuses of a message, as the server shows them now, with what was approved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.events.requests import PlatformContent
from schemas.languages import base
from services.fanout.connectors.answers import is_gone
from services.fanout.connectors.calls.http import Answer, Endpoint, Http
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.chains import same
from services.fanout.connectors.contract import Absent, Altered, CannotTell, Intent
from services.fanout.connectors.mastodon.ids import SAFE_ID, id_of
from services.fanout.connectors.mastodon.sending import remarks_on
from services.fanout.domain.addresses import own_address
from services.fanout.domain.receipts import CHANGED
from services.kernel.base.clock import Clock


async def compare(
    http: Http, clock: Clock, endpoint: Endpoint, intent: Intent, ids: Sequence[str], language: str
) -> str | Altered | Absent | CannotTell:
    """Ask for the Status of each id (GET /api/v1/statuses/:id); return the first one's address if all is as approved.

    Absent as soon as one is gone. ``language`` is that of content without one.
    """
    found: list[dict[str, Any]] = []
    for one in ids:
        if not SAFE_ID.fullmatch(one):
            return CannotTell("that is not an id of this platform")
        outcome = await http.call(endpoint, "GET", f"/api/v1/statuses/{one}")
        if is_gone(outcome, clock):
            return Absent()
        stands = isinstance(outcome, Answer) and isinstance(outcome.body, dict) and id_of(outcome.body.get("id")) == one
        if not isinstance(outcome, Answer) or outcome.status != 200 or not stands:
            return cannot_tell("the platform does not say whether it is there", outcome, clock)
        found.append(outcome.body)
    altered = await _differences(http, endpoint, intent, found, language)
    if altered:
        return Altered(altered)
    return own_address(str(found[0].get("url") or found[0].get("uri") or ""), endpoint.base)


async def _differences(
    http: Http, endpoint: Endpoint, intent: Intent, found: Sequence[Mapping[str, Any]], language: str
) -> tuple[tuple[str, str], ...]:
    """Return what differs, each kind once; what a server does not say is not looked at.

    A server may show a text otherwise than it was sent, so what was sent is asked for before a text counts as changed.
    """
    content = intent.content
    seen: dict[str, str] = {}
    if len(found) != len(content.parts):
        seen["place"] = f"{len(found)} of its {len(content.parts)} parts are on record"
    before = intent.follows.partition(",")[0] or None
    for number, (part, status) in enumerate(zip(content.parts, found, strict=False)):
        asked: dict[str, Any] = {
            "status": part,
            "visibility": "public",
            "language": base(content.language_of(number) or language),
            "media_ids": [one.sha256 for one in content.pictures] if number == 0 else [],
        }
        if before is not None:
            asked["in_reply_to_id"] = before
        for kind, words in (*remarks_on(asked, status), *_descriptions(content, status, number)):
            seen.setdefault(kind, words)
        if "text" in seen and seen["text"] != CHANGED and await _was_changed(http, endpoint, status, part):
            seen["text"] = CHANGED
        before = id_of(status["id"])
    return tuple(seen.items())


async def _was_changed(http: Http, endpoint: Endpoint, status: Mapping[str, Any], part: str) -> bool:
    outcome = await http.call(endpoint, "GET", f"/api/v1/statuses/{status['id']}/source")
    body = json_of(outcome)
    text = body.get("text") if isinstance(body, dict) else None
    return isinstance(text, str) and not same(text, part)


def _descriptions(content: PlatformContent, status: Mapping[str, Any], number: int) -> list[tuple[str, str]]:
    shown = status.get("media_attachments")
    if number or not isinstance(shown, list) or len(shown) != len(content.pictures):
        return []
    said = [one.get("description") if isinstance(one, Mapping) else None for one in shown]
    wrong = [
        str(place)
        for place, (text, picture) in enumerate(zip(said, content.pictures, strict=True), 1)
        if isinstance(text, str) and not same(text, picture.alt)
    ]
    return [("description", f"the description of picture {', '.join(wrong)} is another")] if wrong else []
