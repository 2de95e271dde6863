"""How connectors upload a message's pictures one by one: what fails blocks nothing, and a note says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from schemas import canonical
from schemas.events.requests import Picture
from services.fanout.connectors.contract import FetchMedia

_MEDIA_SHARE = 0.5


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
