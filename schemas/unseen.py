"""Characters that people cannot see, or that change what they see: no rendering may hold one, no desk shows one raw.

They are control characters (a terminal takes ESC for an order), characters that reorder a line (CVE-2021-42574), those
that are drawn as nothing (Default_Ignorable_Code_Point), private ones, and halves of characters. What spelling needs
stays: joiners between letters of other scripts, in emoji and in German compounds, breaks between words of scripts
without spaces, variation selectors, the tags of a flag, and the marks of direction in a text with letters that run from
right to left. Pure.
Source: Unicode 15 chapter 23, UTS 39.
"""

from __future__ import annotations

import unicodedata

import regex

_JOINER = r"[\u200c\u200d]"
_LETTER = r"[^\x00-\x7f\s\u200b-\u200d]"
_SHAPED = (
    r"[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mongolian}\p{Script=Nko}\p{Indic_Syllabic_Category=Virama}"
    r"\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Bengali}\p{Script=Devanagari}\p{Script=Gurmukhi}\p{Script=Gujarati}"
    r"\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Oriya}]"
)
_UNSPACED = (
    r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tai_Le}\p{New_Tai_Lue}\p{Tai_Tham}\p{Tai_Viet}\p{Ahom}"
    r"\p{Javanese}\p{Balinese}]"
)
"""Scripts without spaces, where a zero-width space says where a word ends (Unicode 16.4): between two of them, and
before or behind a space, a sign, a numeral or a word of another script, too."""
_IN_WORD = r"[\p{Latin}\p{M}'’‑–—\-\u200c]{0,60}"
_LIGATURE = rf"(?<=(?:^|\s)[^\w\s#@/]{{0,8}}{_IN_WORD}f)\u200c(?=[bfhijklt]{_IN_WORD}[^\w\s@/]{{0,8}}(?:\s|$))"
"""A non-joiner that keeps two letters from being drawn as one, where a German word is made of two: Auf-lage (Unicode
23.2). Only in words: in an address or a hashtag it would be another one."""
_SUFFIXED = rf"(?<=[0-9A-Za-z)\]\"'])\u200c(?={_SHAPED})"
"""A Persian ending behind a foreign word or a numeral."""
_SELECTOR = r"\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180d\u180f"
_SPELT = regex.compile(
    rf"(?<={_LETTER}){_JOINER}(?={_LETTER})"
    rf"|(?<={_SHAPED}){_JOINER}(?!{_JOINER})"
    rf"|{_SUFFIXED}|{_LIGATURE}"
    rf"|(?<={_UNSPACED})\u200b(?!\u200b)|(?<!\u200b)\u200b(?={_UNSPACED})"
    rf"|(?<=\p{{Mongolian}})\u180e(?=\p{{Mongolian}})"
    rf"|(?<=[^\s{_SELECTOR}])[{_SELECTOR}]"
    r"|\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"
)
_DIRECTION = regex.compile(r"[\u200e\u200f\u061c]")
_RIGHT_TO_LEFT = regex.compile(r"(?=\p{L})[\p{Bidi_Class=R}\p{Bidi_Class=AL}]")
_UNSEEN = regex.compile(
    r"(?!\n)[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb]"
)


def in_text(text: str) -> tuple[str, ...]:
    """Return the unseen characters of a text, each once, in order; empty for a text that shows all that it holds."""
    if text.isascii() and text.isprintable():
        return ()
    return tuple(dict.fromkeys(text[index] for index in _places(text)))


def is_spelt(text: str, index: int) -> bool:
    """Say whether the spelling of what is around it needs the unseen character at ``index``: a joiner, a break."""
    return _SPELT.match(text, index) is not None


def shown(text: str) -> str:
    """Return a text in which each unseen character is spelt out, as in ``<U+001B>``."""
    if text.isascii() and text.isprintable():
        return text
    places = set(_places(text))
    if not places:
        return text
    return "".join(f"<U+{ord(one):04X}>" if index in places else one for index, one in enumerate(text))


def named(characters: tuple[str, ...]) -> str:
    """Return characters by their numbers and names, for people."""
    names = (f"U+{ord(one):04X} {unicodedata.name(one, '')}".strip() for one in characters[:4])
    return ", ".join(names) + (f" and {len(characters) - 4} more" if len(characters) > 4 else "")


def _places(text: str) -> list[int]:
    spelt = {index for match in _SPELT.finditer(text) for index in range(*match.span())}
    if _RIGHT_TO_LEFT.search(text):
        spelt |= {match.start() for match in _DIRECTION.finditer(text)}
    return [match.start() for match in _UNSEEN.finditer(text) if match.start() not in spelt]
