"""What each platform takes, as data, and how it counts a text. Rendering and connectors read it (docs/platforms.md)."""

from __future__ import annotations

from dataclasses import dataclass

import regex

_GRAPHEME = regex.compile(r"\X")
_LINK = regex.compile(r"https?://(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?(?:[/?#][!-~]*)?", regex.IGNORECASE)
_AFTER_LINK = ".,;:!?\"')]}>"


MIRROR = "website-mirror"
"""The website's own page of a message that goes to other platforms only (section 1, Transparency (ii)): it is
delivered, fenced and counted like a profile, and is none."""

WEBSITE = "website"


@dataclass(frozen=True)
class Limits:
    """What a platform takes: ``characters`` as it counts them, ``link_length`` if links count a fixed length.

    ``pictures`` and ``alt_characters`` are counts. ``thread``: a long text may become several posts.
    """

    platform: str
    characters: int
    link_length: int | None = None
    pictures: int = 4
    alt_characters: int = 1_500
    thread: bool = True


LIMITS: dict[str, Limits] = {
    "website": Limits("website", characters=65_536, thread=False),
    "mastodon": Limits("mastodon", characters=500, link_length=23),
}


def limits_of(platform: str) -> Limits:
    """Return a platform's limits; raises LookupError for a platform that OneVoice has no connector for."""
    try:
        return LIMITS[platform]
    except KeyError:
        known = ", ".join(sorted(LIMITS))
        raise LookupError(f"no connector for the platform {platform!r}; there are: {known}") from None


def counted_length(text: str, limits: Limits) -> int:
    """Return a text's length as the platform counts it: grapheme clusters, links at their fixed length.

    Only what a platform surely takes for a link (http or https, a host name with a dot) counts as one, and a sign
    of punctuation after it counts for itself, so that the answer is never too small.
    """
    if limits.link_length is None:
        return _graphemes(text)
    total, end = 0, 0
    for match in _LINK.finditer(text):
        link = match.group().rstrip(_AFTER_LINK)
        total += _graphemes(text[end : match.start()]) + limits.link_length
        end = match.start() + len(link)
    return total + _graphemes(text[end:])


def _graphemes(text: str) -> int:
    return len(text) if text.isascii() and "\r" not in text else sum(1 for _ in _GRAPHEME.finditer(text))
