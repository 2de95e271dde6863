"""Compares a post, as LinkedIn shows it now, with what was approved. Pure.

Source: learn.microsoft.com, Posts API: ``commentary``, ``visibility``, ``content.media`` and ``content.multiImage``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.events.requests import PlatformContent
from services.fanout.connectors.chains import same
from services.fanout.connectors.linkedin.little_text import plain


def differences(shown: Mapping[str, Any], content: PlatformContent) -> tuple[tuple[str, str], ...]:
    """Return what differs, each kind once; what the platform does not say is not looked at."""
    found = []
    text, visibility, media = shown.get("commentary"), shown.get("visibility"), shown.get("content")
    if isinstance(text, str) and not same(plain(text), content.parts[0]):
        found.append(("text", "the platform shows the text otherwise than it was approved"))
    if isinstance(visibility, str) and visibility != "PUBLIC":
        found.append(("visibility", f"its visibility is {visibility[:20]!r}"))
    if isinstance(media, Mapping):
        found += _pictures(media, content)
    return tuple(found)


def _pictures(media: Mapping[str, Any], content: PlatformContent) -> list[tuple[str, str]]:
    several, one = media.get("multiImage"), media.get("media")
    images = several.get("images") if isinstance(several, Mapping) else [one] if one is not None else []
    if not isinstance(images, list) or not all(isinstance(image, Mapping) for image in images):
        return []
    missing = len(content.pictures) - len(images)
    if missing:
        words = f"{missing} of its pictures are missing" if missing > 0 else f"{-missing} pictures more are there"
        return [("pictures", words)]
    said = [image.get("altText") for image in images]
    wrong = [
        str(number)
        for number, (alt, picture) in enumerate(zip(said, content.pictures, strict=True), 1)
        if isinstance(alt, str) and not same(alt, picture.alt)
    ]
    return [("description", f"the description of picture {', '.join(wrong)} is another")] if wrong else []
