"""What each platform takes, as data, and how it counts a text. Rendering and connectors read it (docs/platforms.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import regex

from schemas import links
from schemas.weights import weighed

_GRAPHEME = regex.compile(r"\X")
_EMOJI = regex.compile(r"\p{Emoji_Presentation}|\uFE0F|\u20E3|\p{Regional_Indicator}")
_HASHTAG = regex.compile(r"#[\w]")
_JOINED_CONSONANT = regex.compile(r"(?<=[\p{M}\u200d])\p{L}")

LITTLE_TEXT = "\\|{}@[]()<>#*_~"
"""LinkedIn's marks (learn.microsoft.com, "little text"): unescaped they cut the text in silence."""

MIRROR = "website-mirror"
"""The website's own page of a message that goes to other platforms only (section 1, Transparency (ii)): it is
delivered, fenced and counted like a profile, and is none."""

WEBSITE = "website"

MANUAL = "manual"
"""What has no interface for programs: an officer enters the text by hand, and confirms it (``onevoice tasks``)."""


@dataclass(frozen=True)
class AnswerLimits:
    """What an answer to somebody's post takes, where that is less than a post; ``links``, ``hashtags``: at most."""

    characters: int
    pictures: int
    links: int | None = None
    hashtags: int | None = None


@dataclass(frozen=True)
class Limits:
    """What a platform takes: ``characters`` as it counts them, ``link_length`` if links count a fixed length.

    ``pictures`` and ``alt_characters`` are counts. ``thread``: a long text may become several posts.
    ``bytes``: of UTF-8, where it counts them too. ``utf16``: characters are UTF-16 code units.
    ``weighted``: characters are X's (twitter-text 3). ``emoji_bytes``: an emoji counts its bytes of UTF-8. ``doubled``:
    these count two, for they are sent with an escape. ``links`` and ``hashtags``: at most so many in a post. ``card``:
    a post needs a picture; without one its text is drawn (``services.kernel.base.text_card``). ``passages``: a page,
    whose passages have a language each. ``code_points``: characters are code points, links in full.
    ``answers``: a post of anybody can be answered there, by its address.
    ``answer``: what such an answer takes; None: what a post does.
    """

    platform: str
    characters: int
    link_length: int | None = None
    pictures: int = 4
    alt_characters: int = 1_500
    thread: bool = True
    bytes: int | None = None
    utf16: bool = False
    weighted: bool = False
    emoji_bytes: bool = False
    doubled: str = ""
    links: int | None = None
    hashtags: int | None = None
    card: bool = False
    passages: bool = False
    code_points: bool = False
    answers: bool = False
    answer: AnswerLimits | None = None

    @property
    def languages_apart(self) -> bool:
        """True where each language is a part of its own: a post of the thread, or a passage; else all are in one."""
        return self.thread or self.passages

    def to_answer(self) -> Limits:
        """Return what an answer to somebody's post takes there."""
        less = self.answer
        if less is None:
            return self
        return replace(
            self,
            characters=less.characters,
            pictures=less.pictures,
            links=less.links,
            hashtags=less.hashtags,
            card=self.card and less.pictures > 0,
        )


LIMITS: dict[str, Limits] = {
    "website": Limits("website", characters=65_536, thread=False, passages=True),
    # developers.facebook.com, Instagram content publishing: caption 2,200 characters and 30 hashtags, alt_text 1,000.
    # An answer is a comment, of words alone: 300 characters, 4 hashtags and one link, as Instagram's older API said.
    "instagram": Limits(
        "instagram",
        characters=2_200,
        alt_characters=1_000,
        thread=False,
        utf16=True,
        hashtags=30,
        card=True,
        answers=True,
        answer=AnswerLimits(characters=300, pictures=0, links=1, hashtags=4),
    ),
    # learn.microsoft.com, Posts API: commentary 3,000 characters of "little text", whose own marks have to be escaped.
    # An answer is a comment: 1,250 characters of plain words.
    "linkedin": Limits(
        "linkedin",
        characters=3_000,
        thread=False,
        utf16=True,
        doubled=LITTLE_TEXT,
        answers=True,
        answer=AnswerLimits(characters=1_250, pictures=0),
    ),
    # Our own choice: what a person can still copy without a slip. Pictures are named by their descriptions.
    "manual": Limits("manual", characters=5_000, thread=False),
    "mastodon": Limits("mastodon", characters=500, link_length=23, answers=True),
    # atproto's lexicons: app.bsky.feed.post (maxGraphemes, maxLength), app.bsky.embed.images (maxLength).
    "bluesky": Limits("bluesky", characters=300, bytes=3_000, answers=True),
    # Our own choice: a first screen or two. Pictures are attached, and their descriptions stand in the text.
    "email": Limits("email", characters=20_000, thread=False),
    # developers.facebook.com, Page feed: 63,206 characters; counted as UTF-16 code units, never too few.
    # An answer is a comment: 8,000 characters and one picture.
    "facebook": Limits(
        "facebook",
        characters=63_206,
        alt_characters=1_000,
        thread=False,
        utf16=True,
        answers=True,
        answer=AnswerLimits(characters=8_000, pictures=1),
    ),
    # docs.slack.dev, chat.postMessage: "truncating": best within 4,000 characters, cut above 40,000. Pictures in words.
    "slack": Limits("slack", characters=4_000, thread=False),
    # Microsoft: 28 KB for a whole message, in which an escaped character takes three bytes; pictures are in words.
    "teams": Limits("teams", characters=4_000, bytes=9_000, alt_characters=600, thread=False),
    # core.telegram.org/bots/api: sendMessage 4,096, caption 1,024 (the description), both as UTF-16 code units.
    "telegram": Limits("telegram", characters=4_096, alt_characters=512, thread=False, utf16=True, answers=True),
    # developers.facebook.com, Threads API: 500 characters, "emojis counted as UTF-8 bytes", at most 5 links.
    "threads": Limits("threads", characters=500, alt_characters=1_000, emoji_bytes=True, links=5, answers=True),
    # developer.nextdoor.com, data types: body_text 8,192 bytes, in which the pictures' descriptions stand, too.
    "nextdoor": Limits("nextdoor", characters=4_000, bytes=4_100, alt_characters=250, thread=False),
    # docs.x.com, "Counting characters"; media: 4 pictures, descriptions of 1,000.
    "x": Limits("x", answers=True, characters=280, link_length=23, alt_characters=1_000, weighted=True),
    "webhook": Limits("webhook", characters=65_536, thread=False),
}


def length_on(platform: str, text: str) -> int:
    """Return how long a text is as a platform counts it, for people; a platform not known here counts code points."""
    limits = LIMITS.get(platform)
    return len(text) if limits is None else counted_length(text, limits)


@lru_cache(maxsize=256)
def counted_length(text: str, limits: Limits) -> int:
    """Return a text's length as the platform counts it, and never too small a one: the largest of all readings.

    Links count their fixed length as far as every platform takes them for one, the rest of them for itself
    (``schemas.links``). A conjunct of Indic scripts is one grapheme cluster by Unicode 15.1 and as many as it has
    consonants before (UAX 29, rule GB9c): it counts as those.
    """
    if limits.link_length is None or limits.code_points:
        return counted_piece(text, limits, is_link=False)
    if limits.weighted:
        return _weighed_whole(text, limits.link_length)
    return sum(counted_piece(piece, limits, is_link=is_link) for piece, is_link in links.pieces(text))


def _weighed_whole(text: str, link_length: int) -> int:
    """Return what a text weighs on X, which may take a link for a part of a host that is before it unparted."""
    total, dotted = 0, False
    for piece, is_link in links.pieces(text):
        total += weighed(piece, link_length, is_link=is_link, glued=dotted)
        words = piece.split()
        tail = "" if piece[-1].isspace() else words[-1]
        dotted = "." in tail or (dotted and tail == piece)
    return total


def counted_piece(piece: str, limits: Limits, *, is_link: bool) -> int:
    """Return what a piece of a text counts: a link, or what is between two."""
    if limits.code_points:
        return len(piece)
    if limits.utf16:
        return len(piece.encode("utf-16-le")) // 2 + sum(map(piece.count, limits.doubled))
    if limits.emoji_bytes:
        return _with_emoji_in_bytes(piece)
    if limits.weighted:
        return weighed(piece, limits.link_length or 0, is_link=is_link)
    if not is_link or limits.link_length is None:
        return _graphemes(piece)
    surely = links.surely(piece)
    more = piece.count("://", max(surely, len("https://")))  # some may take what follows for links of their own
    as_link = _graphemes(piece[surely:]) + limits.link_length * (more + (surely > 0))
    return as_link if links.is_known(piece) else max(as_link, _graphemes(piece))


def _with_emoji_in_bytes(text: str) -> int:
    """Return the code points of a text, an emoji as its bytes of UTF-8."""
    if text.isascii():
        return len(text)
    return sum(len(one.encode()) if _EMOJI.search(one) else len(one) for one in _GRAPHEME.findall(text))


def overrun(text: str, limits: Limits) -> str | None:
    """Say by how much a text is too long for one post of a platform, as half a sentence; None: it fits."""
    counts = [(counted_length(text, limits), limits.characters, "characters")]
    if limits.bytes is not None:
        counts.append((len(text.encode()), limits.bytes, "bytes"))
    if limits.links is not None:
        counts.append((sum(is_link for _, is_link in links.pieces(text)), limits.links, "links"))
    if limits.hashtags is not None:
        counts.append((len(_HASHTAG.findall(text)), limits.hashtags, "hashtags"))
    for count, most, what in counts:
        if count > most:
            return f"takes {most} {what} and this has {count}, {count - most} too many"
    return None


def _graphemes(text: str) -> int:
    if text.isascii():
        return len(text) - text.count("\r\n")
    return sum(1 + len(_JOINED_CONSONANT.findall(one)) for one in _GRAPHEME.findall(text))
