"""Pictures for a post. One that fails blocks nothing: the post goes without it, and says so (docs/platforms.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp

from schemas import canonical
from schemas.events.requests import Picture
from services.fanout.connectors.calls.http import Answer, Endpoint, Http, NotSent
from services.fanout.connectors.contract import FetchMedia
from services.fanout.connectors.mastodon.ids import id_of

_POLL_SECONDS = 0.4
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


async def upload_all(
    http: Http, endpoint: Endpoint, pictures: Sequence[Picture], fetch_media: FetchMedia
) -> tuple[list[str], str] | NotSent:
    """Upload pictures one after the other (POST /api/v2/media, with their descriptions).

    Returns the media ids and a note about those that failed; NotSent when the server cannot be reached at all, for
    then the text would not reach it either.
    """
    ids: list[str] = []
    problems: list[str] = []
    for number, picture in enumerate(pictures, 1):
        done = await _upload(http, endpoint, picture, fetch_media)
        if isinstance(done, NotSent):
            return done
        if isinstance(done, _Failed):
            problems.append(f"picture {number} is missing: {done.reason}")
        else:
            ids.append(done.id)
    return ids, "; ".join(problems)


class _Failed:
    def __init__(self, reason: str) -> None:
        self.reason = reason


class _Ready:
    def __init__(self, media_id: str) -> None:
        self.id = media_id


async def _upload(
    http: Http, endpoint: Endpoint, picture: Picture, fetch_media: FetchMedia
) -> _Ready | _Failed | NotSent:
    content = await _fetch(endpoint, picture, fetch_media)
    if isinstance(content, _Failed):
        return content
    form = aiohttp.FormData()
    name = f"picture.{_EXTENSIONS[picture.media_type]}"
    form.add_field("file", content, filename=name, content_type=picture.media_type)
    form.add_field("description", picture.alt)
    outcome = await http.call(endpoint, "POST", "/api/v2/media", data=form)
    if isinstance(outcome, NotSent):
        return outcome if asyncio.get_running_loop().time() < endpoint.deadline else _Failed(outcome.reason)
    if not isinstance(outcome, Answer):
        return _Failed(outcome.reason)
    media_id = id_of(outcome.body.get("id")) if isinstance(outcome.body, dict) else ""
    if outcome.status not in (200, 202) or not media_id:
        return _Failed(outcome.words)
    return _Ready(media_id) if outcome.status == 200 else await _wait(http, endpoint, media_id)


async def _fetch(endpoint: Endpoint, picture: Picture, fetch_media: FetchMedia) -> bytes | _Failed:
    try:
        async with asyncio.timeout_at(endpoint.deadline):
            content = await fetch_media(picture.sha256)
    except LookupError:
        return _Failed("its bytes are not in the store")
    except TimeoutError:
        return _Failed("the store did not give it in time")
    if canonical.sha256(content) != picture.sha256:
        return _Failed("the store gave other bytes than were approved")
    return content


async def _wait(http: Http, endpoint: Endpoint, media_id: str) -> _Ready | _Failed:
    """Ask until the server has processed it: 206 while it works, 200 when it may be attached."""
    while True:
        outcome = await http.call(endpoint, "GET", f"/api/v1/media/{media_id}")
        if isinstance(outcome, Answer) and outcome.status == 200:
            return _Ready(media_id)
        if not isinstance(outcome, Answer):
            return _Failed(f"the platform was still processing it ({outcome.reason})")
        if outcome.status != 206:
            return _Failed(outcome.words)
        await asyncio.sleep(_POLL_SECONDS)
