"""A page that shows a message as each platform would: one file for a browser, without anything from outside."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from schemas import links, unseen
from schemas.events.desk import PreviewReply
from schemas.events.requests import Picture, Rendering
from schemas.platforms import LIMITS, counted_length
from services.desk.views.message.advice import reach
from services.desk.views.timetext import zoned

_KINDS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"GIF8": "image/gif", b"RIFF": "image/webp"}


@dataclass(frozen=True)
class Counted:
    """How long one part is, as its platform counts, and how long it may be."""

    platform: str
    part: int
    parts: int
    length: int
    most: int


def counts(renderings: Sequence[Rendering]) -> list[Counted]:
    """Count each part of each platform's text as that platform counts it."""
    found = []
    for one in renderings:
        parts, limits = one.content().parts, LIMITS[one.platform]
        for number, part in enumerate(parts, 1):
            length = counted_length(part, limits)
            found.append(Counted(one.platform, number, len(parts), length, limits.characters))
    return found


def page(seen: PreviewReply, city: str, pictures: Sequence[bytes], now: datetime) -> str:
    """Return the page (HTML).

    Args:
        seen: the preview as intake made it.
        city: the city's name, as the posts' author.
        pictures: the pictures' bytes, in the order in which they were given.
        now: is on the page.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("services.desk", "views"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("preview.html").render(
        city=city,
        made=zoned(now),
        to=f"{reach(len(seen.targets), seen.scope)}: {', '.join(seen.targets)}",
        posts=[_post(one, pictures) for one in seen.renderings],
        findings=seen.screening,
    )


def _post(rendering: Rendering, pictures: Sequence[bytes]) -> dict[str, Any]:
    content = rendering.content()
    whole = "\n\n".join(content.parts)
    counted = counts([rendering])
    shown = [_picture(one, number, pictures, whole) for number, one in enumerate(content.pictures)]
    return {
        "platform": rendering.platform,
        "language": content.language or "en",
        "answers": content.answers,
        "link": content.link if content.link and content.link not in whole else None,
        "parts": [
            {"text": _linked(part), "length": count.length, "most": count.most}
            for part, count in zip(content.parts, counted, strict=True)
        ],
        "pictures": shown,
    }


def _picture(picture: Picture, number: int, pictures: Sequence[bytes], whole: str) -> dict[str, Any]:
    """Return a picture for the page: its bytes, or the words of a card that is drawn of them."""
    if picture.alt == whole:
        return {"card": True, "source": "", "alt": unseen.shown(picture.alt)}
    raw = pictures[number] if number < len(pictures) else b""
    kind = next((kind for magic, kind in _KINDS.items() if raw.startswith(magic)), "")
    source = f"data:{kind};base64,{base64.b64encode(raw).decode()}" if kind else ""
    return {"card": False, "source": source, "alt": unseen.shown(picture.alt)}


def _linked(text: str) -> Markup:
    """Return a text with its links coloured; nothing of it is markup, and none of the links leads anywhere."""
    out = Markup()
    for piece, is_link in links.pieces(text):
        shown = escape(unseen.shown(piece))
        out += Markup('<span class="link">{}</span>').format(shown) if is_link else shown
    return out


def write(folder: Path, text: str) -> Path:
    """Write the page into a folder that only its owner may read; return the file."""
    path = folder / "preview.html"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path
