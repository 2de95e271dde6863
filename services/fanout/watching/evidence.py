"""What is kept of an outside post: what the platform said of it, and a picture of its words."""

from __future__ import annotations

import re
from datetime import UTC

from schemas import canonical, unseen
from schemas.events.authority import Profile
from schemas.events.outside import MAX_TEXT
from services.fanout.connectors.listing import ProfilePost
from services.kernel.base.text_card import CannotDraw, drawable, text_card

MAX_RECORD = 256 * 1_024
"""Bytes of what the platform said that are kept; beyond that its words alone are."""

_CARD_TEXT = 900
_CUT = " [...]"
_LONGEST_WORD = 24
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")


def record_of(profile: Profile, post: ProfilePost) -> bytes:
    """Return what is kept as evidence: the platform's own words (JSON), and where they are from."""
    about = {
        "profile": profile.id,
        "platform": profile.platform,
        "account": profile.account,
        "id": post.id,
        "url": post.url,
        "published_at": post.at.astimezone(UTC).isoformat(),
        "text": post.text,
    }
    try:
        whole = canonical.dumps({**about, "said": dict(post.record)})
    except (ValueError, TypeError):
        whole = b""
    if not whole or len(whole) > MAX_RECORD:
        return canonical.dumps({**about, "text": post.text[: MAX_RECORD // 4], "said": None})
    return whole


def card_of(profile: Profile, post: ProfilePost, when: str) -> bytes | None:
    """Return a picture (JPEG) of a post: who, ``when`` (in words), where, and its words; None where it cannot be drawn.

    What no screen shows, and what the font lacks, is spelt out; what is too long is cut, and says so.
    """
    head = f"{profile.platform}: {profile.account}\n{when}\n{post.url}\n\n"
    words = unseen.shown(post.text)
    for most in (_CARD_TEXT, _CARD_TEXT // 2, _CARD_TEXT // 4):
        text = words if len(words) <= most else words[:most] + _CUT
        try:
            return text_card(_broken(drawable(head + text)))
        except CannotDraw:
            continue
    return None


def _broken(text: str) -> str:
    """Return a text whose words all fit on a line; an address is broken by the drawing itself."""
    return _LONG_WORD.sub(lambda word: word[0] if "://" in word[0] else " ".join(_pieces(word[0])), text)


def _pieces(word: str) -> list[str]:
    return [word[at : at + _LONGEST_WORD] for at in range(0, len(word), _LONGEST_WORD)]


def shortened(text: str) -> str:
    """Return a post's words as the event holds them."""
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - len(_CUT)] + _CUT
