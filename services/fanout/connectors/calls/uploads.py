"""How connectors upload a message's pictures one by one: what fails blocks nothing, and a note says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from schemas import canonical
from schemas.events.requests import Picture
from services.fanout.connectors.contract import FetchMedia

_MEDIA_SHARE = 0.5
AGAIN_TIMES, AGAIN_SECONDS = 3, 1.0
"""How often, and after how long, a post is sent again that was refused with its pictures."""

Sent = TypeVar("Sent")


def media_deadline(deadline: float) -> float:
    """Return until when pictures may be uploaded within a call (the loop's time): the post itself needs time, too."""
    now = asyncio.get_running_loop().time()
    return now + (deadline - now) * _MEDIA_SHARE


async def picture_bytes(picture: Picture, fetch_media: FetchMedia, deadline: float) -> bytes | None:
    """Return a picture's bytes; None where they cannot be had in time, or are others than were approved."""
    try:
        async with asyncio.timeout_at(deadline):
            content = await fetch_media(picture.sha256)
    except (LookupError, TimeoutError):
        return None
    return content if canonical.sha256(content) == picture.sha256 else None


async def uploaded(
    pictures: Sequence[Picture], upload: Callable[[Picture], Awaitable[str | None]], why: str = "could not be uploaded"
) -> tuple[list[tuple[Picture, str]], str]:
    """Upload pictures in their order; return those that the platform has, by its name, and a note on the others."""
    done: list[tuple[Picture, str]] = []
    problems: list[str] = []
    for number, picture in enumerate(pictures, 1):
        name = await upload(picture)
        if name:
            done.append((picture, name))
        else:
            problems.append(f"picture {number} is missing: it {why}")
    return done, "; ".join(problems)


async def again_then_without(
    post: Callable[[bool], Awaitable[Sent]], is_refused: Callable[[Sent], bool], deadline: float
) -> tuple[Sent, Sent | None]:
    """Post with pictures; what is refused is posted again a moment later, and in the end without them.

    A platform may say that a picture is ready and refuse it all the same.

    Args:
        post: makes the call, with the pictures (True) or without.
        is_refused: whether a result is the platform's own refusal, which may be of the pictures.
        deadline: until when the call may last (the loop's time).

    Returns:
        What came of it; and the refusal, where the pictures were left out.
    """
    sent = await post(True)
    for _ in range(AGAIN_TIMES):
        if not is_refused(sent):
            return sent, None
        await asyncio.sleep(pause_before(deadline))
        sent = await post(True)
    return (await post(False), sent) if is_refused(sent) else (sent, None)


def pause_before(deadline: float, seconds: float = AGAIN_SECONDS) -> float:
    """Return how long to wait before a post is sent again, so that there is time left for what comes after it."""
    return max(0.0, min(seconds, (deadline - asyncio.get_running_loop().time()) / (2 * AGAIN_TIMES)))
