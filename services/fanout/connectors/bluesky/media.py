"""Pictures for a Bluesky post. One that fails blocks nothing: the post goes without it, and says so."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence

from schemas import canonical
from schemas.events.requests import Picture
from services.fanout.connectors.bluesky.record import Image, blob_cid
from services.fanout.connectors.bluesky.session import Login, Sessions
from services.fanout.connectors.calls.http import Answer
from services.fanout.connectors.contract import FetchMedia, Permanent, Retryable

MOST_BYTES = 1_000_000
"""What app.bsky.embed.images takes; intake packs no picture larger than that."""


async def upload_all(
    sessions: Sessions, login: Login, deadline: float, pictures: Sequence[Picture], fetch_media: FetchMedia
) -> tuple[list[Image], str]:
    """Upload pictures one by one (com.atproto.repo.uploadBlob); return them, and a note on those that failed."""
    images: list[Image] = []
    problems: list[str] = []
    for number, picture in enumerate(pictures, 1):
        done = await _upload(sessions, login, deadline, picture, fetch_media)
        if isinstance(done, Image):
            images.append(done)
        else:
            problems.append(f"picture {number} is missing: {done}")
    return images, "; ".join(problems)


async def _upload(
    sessions: Sessions, login: Login, deadline: float, picture: Picture, fetch_media: FetchMedia
) -> Image | str:
    try:
        async with asyncio.timeout_at(deadline):
            content = await fetch_media(picture.sha256)
            size = await asyncio.to_thread(_size, content)
    except LookupError:
        return "its bytes are not in the store"
    except TimeoutError:
        return "the store did not give it in time"
    except OSError:
        return "it cannot be read"
    if canonical.sha256(content) != picture.sha256:
        return "the store gave other bytes than were approved"
    if len(content) > MOST_BYTES:
        return f"it has {len(content)} bytes, the platform takes {MOST_BYTES}"
    outcome = await sessions.call(
        login, deadline, "POST", "com.atproto.repo.uploadBlob", data=content, media_type=picture.media_type
    )
    if isinstance(outcome, Retryable | Permanent) or not isinstance(outcome, Answer):
        return outcome.reason
    if outcome.status != 200:
        return outcome.words
    return Image(picture, len(content), *size) if _taken_as_it_is(outcome, picture) else "the platform changed it"


def _taken_as_it_is(outcome: Answer, picture: Picture) -> bool:
    try:
        blob = outcome.body["blob"]
        return bool(blob["ref"]["$link"] == blob_cid(picture.sha256) and blob["mimeType"] == picture.media_type)
    except (KeyError, TypeError):
        return False


def _size(content: bytes) -> tuple[int, int]:
    from PIL import Image as Pictures

    with Pictures.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as picture:
        return picture.size
