"""Whether people saw all that a rendering holds, as the posting worker asks it: in code of its own, without tables.

The desk and the gate ask the same of ``schemas.unseen``. Here a character passes that is drawn, that joins two drawn
ones, or that belongs to a flag; all else that Unicode lets vanish does not. Pure.
"""

from __future__ import annotations

import unicodedata

from schemas.events.requests import PlatformContent

_VANISHING = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_JOINERS = frozenset({0x200C, 0x200D})
_DIRECTIONS = frozenset({0x061C, 0x200E, 0x200F})
_SELECTORS = frozenset({*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), 0x180B, 0x180C, 0x180D, 0x180F})
_BREAK, _VOWEL_SEPARATOR = 0x200B, 0x180E
_UNSPACED = ("THAI ", "LAO ", "KHMER ", "MYANMAR ", "TAI ", "NEW TAI ", "AHOM ", "JAVANESE ", "BALINESE ")
_NON_JOINER, _LIGATED = "\u200c", frozenset("bfhijklt")
"""What a font draws as one with an f before it: Auf-lage, where a non-joiner keeps them apart."""
_FLAG = "\U0001f3f4"
_FLAG_TAGS = frozenset({*range(0xE0030, 0xE003A), *range(0xE0061, 0xE007B), 0xE007F})


def unseen_in(content: PlatformContent) -> str:
    """Return the first character of a platform's content that nobody saw, as ``U+001B``; empty when there is none."""
    links = content.link or "", content.answers or ""
    for text in (*content.parts, *links, *(picture.alt for picture in content.pictures)):
        for index, character in enumerate(text):
            if not " " <= character <= "~" and not _passes(text, index):
                return f"U+{ord(character):04X}"
    return ""


def _passes(text: str, index: int) -> bool:
    character, code = text[index], ord(text[index])
    if character == "\n":
        return True
    if unicodedata.category(character) in ("Cc", "Cs", "Co"):
        return False
    if not any(first <= code <= last for first, last in _VANISHING):
        return True
    # From here on it vanishes by itself: it passes only where a drawn neighbour shows what it is for.
    before = text[index - 1] if index else " "
    behind = text[index + 1 : index + 2] or " "
    if code == _BREAK:
        # Beside a word of such a script, and never two in a row, which could carry hidden bits.
        beside = any(unicodedata.name(one, "").startswith(_UNSPACED) for one in (before, behind))
        return beside and character not in (before, behind)
    if code == _VOWEL_SEPARATOR:
        return all(unicodedata.name(one, "").startswith("MONGOLIAN ") for one in (before, behind))
    if code in _JOINERS:
        return _is_joined(character, before, behind)
    if code in _SELECTORS:
        return not before.isspace() and ord(before) not in _SELECTORS
    if code in _DIRECTIONS:
        # Whoever reads Arabic or Hebrew needs them; in a text without either they only turn words around.
        return any(one.isalpha() and unicodedata.bidirectional(one) in ("R", "AL") for one in text)
    return code in _FLAG_TAGS and _FLAG in text[max(0, index - 8) : index]


def _is_joined(character: str, before: str, behind: str) -> bool:
    """Say whether a joiner is after a letter or an emoji, in a German compound, or before a letter of another script.

    Never elsewhere in plain English, and never two in a row, which could carry hidden bits.
    """
    if ord(before) in _JOINERS or before.isspace():
        return False
    if before > "\x7f":
        return True
    return character == _NON_JOINER and ((before == "f" and behind in _LIGATED) or behind > "\u02ff")
