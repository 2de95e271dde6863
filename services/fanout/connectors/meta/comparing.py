"""Compares the posts of a message, as Threads or Instagram shows them now, with what was approved. Pure.

Source: developers.facebook.com, fields of a Threads media and of an IG Media: ``media_type``, ``children``,
``replied_to``. Neither tells a language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.platforms import LIMITS
from services.fanout.connectors.chains import same
from services.fanout.connectors.contract import Intent

_PICTURES = {"TEXT_POST": 0, "IMAGE": 1}


def differences(
    shown: Sequence[Mapping[str, Any]], intent: Intent, text: str, *, threaded: bool
) -> tuple[tuple[str, str], ...]:
    """Return what differs, each kind once; of a kind of media that is not ours nothing is said.

    Args:
        shown: each post, the first part first.
        intent: what was approved, and what it answers; of what it answers by an address alone no number is known.
        text: the field that holds a post's text.
        threaded: posts say what they answer.
    """
    seen: dict[str, str] = {}
    parts, before = intent.content.parts, intent.follows.partition(",")[0]
    by_address = not before and intent.content.answers is not None
    if len(shown) != len(parts):
        seen["place"] = f"{len(shown)} of its {len(parts)} parts are on record"
    for number, (value, part) in enumerate(zip(shown, parts, strict=False)):
        if not same(str(value.get(text) or ""), part):
            seen.setdefault("text", "the platform shows the text otherwise than it was approved")
        if threaded and (not _above(value) if by_address and number == 0 else _above(value) != before):
            seen.setdefault("place", "it does not stand in its thread")
        count, wanted = _count(value), len(intent.content.pictures) if number == 0 else 0
        wanted = max(wanted, int(LIMITS[intent.profile.platform].card))
        if count is not None and count != wanted:
            missing = wanted - count
            words = f"{missing} of its pictures are missing" if missing > 0 else f"{-missing} pictures more are there"
            seen.setdefault("pictures", words)
        before = str(value["id"])
    return tuple(seen.items())


def _above(value: Mapping[str, Any]) -> str:
    above = value.get("replied_to")
    return str(above.get("id", "")) if isinstance(above, Mapping) else ""


def _count(value: Mapping[str, Any]) -> int | None:
    children = value.get("children")
    rows = children.get("data") if isinstance(children, Mapping) else None
    if value.get("media_type") == "CAROUSEL_ALBUM":
        return len(rows) if isinstance(rows, list) else None
    return _PICTURES.get(str(value.get("media_type")))
