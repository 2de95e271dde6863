"""Calls of X's API v2 (docs.x.com), signed, and what its answers mean."""

from __future__ import annotations

import asyncio
import html
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from schemas.events.requests import Picture
from services.fanout.connectors.calls.ahead import ClockAhead
from services.fanout.connectors.calls.http import Answer, Endpoint, Http, Outcome
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import cannot_tell, refusal
from services.fanout.connectors.calls.uploads import picture_bytes
from services.fanout.connectors.chains import Status
from services.fanout.connectors.contract import CannotTell, Cause, FetchMedia, Permanent, Retryable, Unknown
from services.fanout.connectors.fields import text_in, time_in
from services.fanout.connectors.x.costs import CallCosts, cost_aside
from services.fanout.connectors.x.oauth import Keys, authorization
from services.kernel.base.clock import Clock

_PAGES = 8
_UPLOAD = "/2/media/upload"
_LONGEST_WORK = 60
"""Seconds that X may ask to wait for a picture; a longer wait, or none, is no number to go by."""
_MARGIN = timedelta(seconds=30)
_FIELDS = "created_at,referenced_tweets,entities,note_tweet"
FIELDS = {"tweet.fields": _FIELDS}

ME = {"user.fields": "description,entities,name,username"}
"""What is asked of an account."""


@dataclass(frozen=True)
class XAccount:
    """An account that the keys open, and until when a call may last (the loop's time)."""

    keys: Keys
    id: str
    username: str
    deadline: float


class XApi:
    """Calls one server."""

    def __init__(self, server: str, clock: Clock, connections: int, costs: CallCosts | None = None) -> None:
        self._server = server.rstrip("/")
        self._clock = clock
        self._http = Http(connections)
        self._costs = costs
        self._ahead = ClockAhead(clock)

    async def call(
        self,
        keys: Keys,
        deadline: float,
        method: str,
        path: str,
        *,
        value: Mapping[str, Any] | None = None,
        data: aiohttp.FormData | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Make one signed call."""
        nonce, now = secrets.token_hex(16), int(self._clock.now().timestamp())
        signed = authorization(keys, method, self._server + path, query or {}, nonce=nonce, timestamp=now)
        endpoint = Endpoint(self._server, "", deadline)
        outcome = await self._http.call(endpoint, method, path, value=value, data=data, query=query, headers=signed)
        self._ahead.note(outcome)
        costs = self._costs if path != _UPLOAD else None  # it shows no post
        if costs is not None and (cost := cost_aside(method, outcome)):
            await asyncio.to_thread(costs.note, cost, self._clock.now())
        return outcome

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    def meaning(self, outcome: Outcome) -> Retryable | Permanent | Unknown:
        """Say what a call that did not succeed means. Without prepaid credit X refuses all: a person mends that."""
        if isinstance(outcome, Answer) and outcome.status == 402:
            return Retryable(f"the prepaid credit is used up: {outcome.words}", cause=Cause.CREDENTIAL)
        return refusal(outcome, self._clock)

    async def posts_since(self, account: XAccount, made_at: datetime) -> list[Status] | CannotTell:
        """Return the account's own posts since a request was made by our clock, as their author wrote them."""
        query = {"max_results": "100", "tweet.fields": _FIELDS, "exclude": "retweets"}
        query["start_time"] = f"{made_at - self._ahead.by - _MARGIN:%Y-%m-%dT%H:%M:%SZ}"
        found: list[Status] = []
        for _ in range(_PAGES):
            outcome = await self.call(
                account.keys, account.deadline, "GET", f"/2/users/{account.id}/tweets", query=query
            )
            body = json_of(outcome)
            if not isinstance(body, dict) or not isinstance(body.get("meta"), dict):
                return cannot_tell("the platform does not list the account's posts", outcome, self._clock)
            try:
                found += [read_post(one) for one in rows_of(body)]
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                return CannotTell(f"the platform's listing cannot be read: {error}")
            if "next_token" not in body["meta"]:
                return found
            query["pagination_token"] = str(body["meta"]["next_token"])
        return CannotTell("the account posted very often since the request was made")

    async def upload(self, account: XAccount, picture: Picture, fetch_media: FetchMedia, deadline: float) -> str | None:
        """Upload a picture and its description; return its media id, None when it failed."""
        content = await picture_bytes(picture, fetch_media, deadline)
        if content is None:
            return None
        form = aiohttp.FormData()
        form.add_field("media_category", "tweet_image")
        form.add_field("media_type", picture.media_type)
        form.add_field("media", content, filename="picture", content_type=picture.media_type)
        outcome = await self.call(account.keys, deadline, "POST", _UPLOAD, data=form)
        media_id = _data(outcome).get("id")
        if not isinstance(media_id, str) or not media_id.isdigit():
            return None
        if not await self._is_processed(account, media_id, outcome, deadline):
            return None
        value = {"id": media_id, "metadata": {"alt_text": {"text": picture.alt}}}
        described = await self.call(account.keys, deadline, "POST", "/2/media/metadata", value=value)
        return media_id if isinstance(described, Answer) and described.status == 200 else None

    async def _is_processed(self, account: XAccount, media_id: str, outcome: Outcome, deadline: float) -> bool:
        """Wait until X has worked on a picture, where it says that it does; False where that failed, or takes long."""
        query = {"command": "STATUS", "media_id": media_id}
        while isinstance(said := _data(outcome).get("processing_info"), dict):
            state, wait = said.get("state"), said.get("check_after_secs")
            if state not in ("pending", "in_progress"):
                return state == "succeeded"
            seconds = float(wait) if isinstance(wait, int) and 0 < wait < _LONGEST_WORK else 1.0
            if asyncio.get_running_loop().time() + seconds >= deadline:
                return False
            await asyncio.sleep(seconds)
            outcome = await self.call(account.keys, deadline, "GET", _UPLOAD, query=query)
        return bool(_data(outcome))


def data_of(outcome: Outcome, status: int) -> dict[str, Any]:
    """Return the ``data`` of an answer with this status, empty for any other."""
    return _data(outcome) if isinstance(outcome, Answer) and outcome.status == status else {}


def shown_of(user: Mapping[str, Any]) -> str:
    """Return the name and description of an account as people read them, links as what they stand for."""
    entities = user.get("entities") if isinstance(user.get("entities"), dict) else {}
    parts = [part for part in (entities or {}).values() if isinstance(part, dict)]
    rows = [row for part in parts if isinstance(row := part.get("urls"), list)]
    urls = [url for row in rows for url in row if isinstance(url, dict)]
    links = " ".join(str(url.get("expanded_url", "")) for url in urls)
    return html.unescape(f"{user.get('name') or ''} {user.get('description') or ''} {links}")


def rows_of(body: Mapping[str, Any]) -> list[Any]:
    """Return the posts of a listing; there is no ``data`` where it has none, which ``result_count`` says as well.

    Raises:
        ValueError: it says that there are posts, and has none.
    """
    rows = body.get("data") or []
    if not rows and body["meta"].get("result_count"):
        raise ValueError("it names posts, and shows none")
    return list(rows)


def is_gone(outcome: Outcome) -> bool:
    """True when X says that there is no such post: 404, or 200 with a problem instead of data."""
    if not isinstance(outcome, Answer) or not isinstance(outcome.body, dict):
        return False
    problems = outcome.body.get("errors") or []
    kinds = [str(one.get("type", "")) for one in problems if isinstance(one, dict)]
    told = any(kind.endswith("resource-not-found") for kind in [*kinds, str(outcome.body.get("type", ""))])
    return told and "data" not in outcome.body


def only_reads(outcome: Outcome) -> bool:
    """Return whether X says of the keys that they may not write (x-access-level: read, read-write, ...)."""
    level = str(outcome.headers.get("x-access-level", "")) if isinstance(outcome, Answer) else ""
    return bool(level) and "write" not in level.split("-")


def _data(outcome: Outcome) -> dict[str, Any]:
    body = outcome.body if isinstance(outcome, Answer) and 200 <= outcome.status < 300 else None
    data = body.get("data") if isinstance(body, dict) else None
    return data if isinstance(data, dict) else {}


def read_post(value: Mapping[str, Any]) -> Status:
    """Read a post; its short links are put back to what they stand for. Raises KeyError, TypeError or ValueError."""
    answered = [one["id"] for one in value.get("referenced_tweets") or [] if one.get("type") == "replied_to"]
    created = time_in(value, "created_at")
    return Status(str(value["id"]), "", created, text_of(value), answered[0] if answered else None)


def text_of(value: Mapping[str, Any]) -> str:
    """Return a post's text, its short links put back to what they stand for; raises KeyError or TypeError."""
    note = value.get("note_tweet") or value
    text = text_in(note, "text", needed=True)
    for link in (note.get("entities") or {}).get("urls") or []:
        shown = "" if "media_key" in link else str(link["expanded_url"])
        text = text.replace(str(link["url"]), shown)
    return html.unescape(text).strip()
