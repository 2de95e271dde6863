"""Compares the posts of a message, as X shows them now, with what was approved. Pure.

Source: docs.x.com, GET /2/tweets/:id with ``attachments``, ``referenced_tweets`` and the media. The language
that X shows is its own guess, and no program sets it, so it is not looked at.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.events.requests import Picture, PlatformContent
from services.fanout.connectors.chains import same
from services.fanout.connectors.x.api import FIELDS, text_of

_SHORT = re.compile(r"https://t\.co/\w+")
ASKED = {
    "tweet.fields": f"{FIELDS['tweet.fields']},attachments",
    "expansions": "attachments.media_keys",
    "media.fields": "alt_text,type",
}
"""What is asked of a post that is compared."""


@dataclass(frozen=True)
class MadePost:
    """A post that a call made; ``as_sent``: the answer shows its text as it was sent; ``note``: what is less."""

    id: str
    as_sent: bool
    note: str = ""


def differences(
    shown: Sequence[Mapping[str, Any]], content: PlatformContent, answers: str
) -> tuple[tuple[str, str], ...]:
    """Return what differs, each kind once. Raises KeyError, TypeError, ValueError or AttributeError for another form.

    Args:
        shown: the whole answer for each post, the first part first.
        content: what was approved.
        answers: the post that the first part answers, empty for none.
    """
    seen: dict[str, str] = {}
    if len(shown) != len(content.parts):
        seen["place"] = f"{len(shown)} of its {len(content.parts)} parts are on record"
    before = answers
    for number, (body, part) in enumerate(zip(shown, content.parts, strict=False)):
        data = body["data"]
        if not same(text_of(data), part):
            seen.setdefault("text", "the platform shows the text otherwise than it was approved")
        above = [one["id"] for one in data.get("referenced_tweets") or [] if one.get("type") == "replied_to"]
        if above != ([before] if before else []):
            seen.setdefault("place", "it does not stand in its thread")
        for kind, words in _pictures(body, content.pictures if number == 0 else ()):
            seen.setdefault(kind, words)
        before = str(data["id"])
    return tuple(seen.items())


def shows(answer: Mapping[str, Any], part: str) -> bool:
    """Say whether the answer to a new post shows its text; it has a short link for each link, and one for pictures.

    The answer does not say what a short link stands for, so that whatever is in its place is taken for it.
    """
    said = answer.get("text")
    if not isinstance(said, str):
        return True  # it does not say
    pieces = [html.unescape(piece) for piece in _SHORT.split(" ".join(said.split()))]
    wanted = " ".join(part.split())
    without_last = [*pieces[:-2], "".join(pieces[-2:]).rstrip()]
    return _with_links(wanted, pieces) or _with_links(wanted, without_last)


def _with_links(text: str, pieces: Sequence[str]) -> bool:
    """Say whether the pieces are the text, but for something without white space between each two.

    Each piece is taken where it comes first: what comes later would only make the next link shorter. So it takes
    one way through the text, where a pattern could try each way to part it.
    """
    first, *others = pieces
    if not others:
        return text == first
    *between, last = others
    if not text.startswith(first) or not text.endswith(last):
        return False
    at = len(first)
    for piece in between:
        found = text.find(piece, at + 1)
        if found < 0 or " " in text[at:found]:
            return False
        at = found + len(piece)
    end = len(text) - len(last)
    return at < end and " " not in text[at:end]


def _pictures(body: Mapping[str, Any], wanted: Sequence[Picture]) -> list[tuple[str, str]]:
    keys = (body["data"].get("attachments") or {}).get("media_keys") or []
    missing = len(wanted) - len(keys)
    if missing:
        words = f"{missing} of its pictures are missing" if missing > 0 else f"{-missing} pictures more are there"
        return [("pictures", words)]
    media = {one["media_key"]: one.get("alt_text") for one in (body.get("includes") or {}).get("media") or []}
    wrong = [
        str(number)
        for number, (key, picture) in enumerate(zip(keys, wanted, strict=True), 1)
        if isinstance(alt := media.get(key), str) and not same(alt, picture.alt)
    ]
    return [("description", f"the description of picture {', '.join(wrong)} is another")] if wrong else []
