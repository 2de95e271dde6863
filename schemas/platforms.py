"""What each platform takes, as data, and how it counts a text. Rendering and connectors read it (docs/platforms.md)."""

from __future__ import annotations

from collections.abc import Iterator
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
    ``bytes``: of UTF-8, where it counts them too.
    """

    platform: str
    characters: int
    link_length: int | None = None
    pictures: int = 4
    alt_characters: int = 1_500
    thread: bool = True
    bytes: int | None = None


LIMITS: dict[str, Limits] = {
    "website": Limits("website", characters=65_536, thread=False),
    "mastodon": Limits("mastodon", characters=500, link_length=23),
    # atproto's lexicons: app.bsky.feed.post (maxGraphemes, maxLength), app.bsky.embed.images (maxLength).
    "bluesky": Limits("bluesky", characters=300, bytes=3_000),
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
    for start, stop in link_spans(text):
        total += _graphemes(text[end:start]) + limits.link_length
        end = stop
    return total + _graphemes(text[end:])


def overrun(text: str, limits: Limits) -> str | None:
    """Say by how much a text is too long for one post of a platform, as half a sentence; None: it fits."""
    counts = [(counted_length(text, limits), limits.characters, "characters")]
    if limits.bytes is not None:
        counts.append((len(text.encode()), limits.bytes, "bytes"))
    for count, most, what in counts:
        if count > most:
            return f"takes {most} {what} and this has {count}, {count - most} too many"
    return None


def link_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each link begins and ends in a text: http or https, a host name with a dot, no sign after it."""
    for match in _LINK.finditer(text):
        yield match.start(), match.start() + len(match.group().rstrip(_AFTER_LINK))


def _graphemes(text: str) -> int:
    return len(text) if text.isascii() and "\r" not in text else sum(1 for _ in _GRAPHEME.finditer(text))
