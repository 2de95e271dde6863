"""Pictures where Meta can fetch them, for it takes addresses: in the city's site, named by their hash."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from pathlib import Path

from schemas import canonical
from schemas.events.requests import Picture
from services.fanout.connectors.contract import FetchMedia, Intent
from services.kernel.base.files import write_atomically

_FOLDER = "pictures"


@dataclass(frozen=True)
class Frame:
    """What a platform takes: width to height from ``narrow`` to ``broad``, at most ``width`` pixels, at least 320."""

    narrow: float
    broad: float
    width: int = 1_440


class PublicPictures:
    """Writes pictures into ``site``, which ``base`` shows to the world."""

    def __init__(self, site: Path, base: str) -> None:
        self._folder = site / _FOLDER
        self._base = base.rstrip("/")

    async def shown(
        self, intent: Intent, fetch_media: FetchMedia, frame: Frame, deadline: float, problems: list[str]
    ) -> list[dict[str, str]]:
        """Show a message's pictures; return them as a container names them, and note what is missing."""
        found: list[dict[str, str]] = []
        for number, picture in enumerate(intent.content.pictures, 1):
            url = await self.show(picture, fetch_media, frame, deadline)
            if url is not None:
                found.append({"image_url": url, "alt_text": picture.alt})
            else:
                problems.append(f"picture {number} is missing: its bytes could not be had")
        return found

    async def show(self, picture: Picture, fetch_media: FetchMedia, frame: Frame, deadline: float) -> str | None:
        """Return the public address of a picture that fits the frame; None when its bytes cannot be had."""
        try:
            async with asyncio.timeout_at(deadline):
                content = await fetch_media(picture.sha256)
        except (LookupError, TimeoutError):
            return None
        if canonical.sha256(content) != picture.sha256:
            return None
        return await asyncio.to_thread(self._write, content, frame)

    async def show_bytes(self, content: bytes, frame: Frame) -> str:
        """Return the public address of a picture that was drawn here."""
        return await asyncio.to_thread(self._write, content, frame)

    def _write(self, content: bytes, frame: Frame) -> str:
        fitting = fitted(content, frame)
        name = f"{canonical.sha256(fitting)}.jpg"
        path = self._folder / name
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, fitting)
        return f"{self._base}/{_FOLDER}/{name}"


def fitted(content: bytes, frame: Frame) -> bytes:
    """Return a picture as a JPEG within a frame: made smaller or larger, white beside it, nothing ever cut off."""
    from PIL import Image

    opened = Image.open(io.BytesIO(content))
    opened.load()
    image: Image.Image = opened
    if image.mode in ("RGBA", "LA", "PA", "P"):
        clear = image.convert("RGBA")
        image = Image.new("RGB", clear.size, "white")
        image.paste(clear, mask=clear.getchannel("A"))
    image = image.convert("RGB")
    wide, high = image.size
    paper = max(wide, round(high * frame.narrow)), max(high, round(wide / frame.broad))
    factor = min(frame.width / paper[0], max(1.0, 320 / paper[0]))
    if factor != 1.0:
        image = image.resize((max(1, round(wide * factor)), max(1, round(high * factor))), Image.Resampling.LANCZOS)
        paper = max(320, round(paper[0] * factor)), max(1, round(paper[1] * factor))
    if paper != image.size:
        sheet = Image.new("RGB", paper, "white")
        sheet.paste(image, ((paper[0] - image.width) // 2, (paper[1] - image.height) // 2))
        image = sheet
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()
