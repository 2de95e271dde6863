"""Checks of submitted text, and the one form in which it is stored.

What is signed is what is posted, so text is brought into its final form before anything is hashed: line ends
are line feeds, tabs are spaces, characters are composed (Unicode NFC), white space around it is taken away. What
people cannot see and computers can (bidirectional overrides, CVE-2021-42574; hidden and control characters) is
refused, never taken out in silence. Pure: no clock, no I/O.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from schemas import unseen
from services.kernel.base.errors import BadInput

MAX_BYTES = 32_000
"""Bytes of UTF-8 that one text may have."""

MAX_MARKS = 8
"""Combining marks that may follow each other; more is stacked-up noise, and slow to compose."""

_WHITE_SPACE = str.maketrans(
    {"\r": "\n", "\v": "\n", "\x85": "\n", "\u2028": "\n", "\f": "\n\n", "\u2029": "\n\n", "\t": " "}
)
"""Line ends and tabs as other programs write them: Word breaks a line with a vertical tab, and lists have tabs."""

_BIDI = frozenset({*range(0x202A, 0x202F), *range(0x2066, 0x206A)})
_HIDDEN = frozenset(
    {0x00AD, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x200B, 0x200C, 0x200D, 0x2800, 0x3164, 0xFEFF, 0xFFA0}
    | set(range(0x2060, 0x2066))
    | set(range(0x206A, 0x2070))
    | set(range(0xFFF9, 0xFFFD))
)
_BLACK_FLAG = "\U0001f3f4"
_TAG_END = "\U000e007f"
_VARIATION = frozenset({*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)})
_TAGS = range(0xE0000, 0xE0080)
_FLAG = re.compile(f"{_BLACK_FLAG}[\U000e0030-\U000e0039\U000e0061-\U000e007a]{{3,6}}{_TAG_END}")


def clean(text: str, field: str = "text", *, required: bool = True) -> str:
    """Return a text in its final form, or say what is wrong with it.

    Args:
        text: as it was submitted.
        field: what to call it in an error, as in "the text" or "the variant for mastodon".
        required: refuse a text with nothing visible in it; else it comes back empty.

    Raises:
        BadInput: ``text.empty``, ``text.too_long``, ``text.surrogate``, ``text.control``, ``text.bidi``,
            ``text.hidden``, ``text.damaged``, ``text.private_use``, ``text.marks``; each names the character and
            where it is.
    """
    _refuse_surrogates(text, field)
    _refuse_long(text, field)
    lines = text.replace("\r\n", "\n").translate(_WHITE_SPACE)
    _refuse_characters(lines, field)
    composed = unicodedata.normalize("NFC", lines).strip()
    _refuse_long(composed, field)
    _refuse_unseen(composed, field)
    if required and not composed:
        raise BadInput("text.empty", f"the {field} is empty", "write what the public should read")
    return composed


def _refuse_surrogates(text: str, field: str) -> None:
    for index, character in enumerate(text):
        if "\ud800" <= character <= "\udfff":
            raise BadInput(
                "text.surrogate",
                f"the {field} has half a character (U+{ord(character):04X}) at {place(text, index)}",
                "send it as UTF-8; a \\u escape beyond U+FFFF needs both of its halves",
            )


def _refuse_long(text: str, field: str) -> None:
    size = len(text.encode("utf-8"))
    if size > MAX_BYTES:
        raise BadInput(
            "text.too_long",
            f"the {field} has {size} bytes; at most {MAX_BYTES} are taken",
            "shorten it, and link to a page that has the rest",
        )


@dataclass(frozen=True)
class _Rule:
    code: str
    what: str
    hint: str
    broken_at: Callable[[str, int], bool]


def _refuse_characters(text: str, field: str) -> None:
    for index, character in enumerate(text):
        if character == "\n" or " " <= character <= "~":
            continue
        for rule in _RULES:
            if rule.broken_at(text, index):
                raise BadInput(
                    rule.code,
                    f"the {field} has {rule.what}, {_named(character)}, at {place(text, index)}",
                    rule.hint,
                )


def _refuse_unseen(text: str, field: str) -> None:
    """Refuse what desk, gate and worker would not pass later."""
    for character in unseen.in_text(text)[:1]:
        where = place(text, text.index(character))
        raise BadInput(
            "text.hidden",
            f"the {field} has a hidden character, {_named(character)}, at {where}",
            "take it out, or type the passage again",
        )


def place(text: str, index: int) -> str:
    """Say where a character stands, for people: ``character 12 (line 1)``, both counted from 1."""
    return f"character {index + 1} (line {text.count(chr(10), 0, index) + 1})"


def _named(character: str) -> str:
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" {name}" if name else "")


def _is_control(text: str, index: int) -> bool:
    return unicodedata.category(text[index]) == "Cc"


def _is_bidi(text: str, index: int) -> bool:
    return ord(text[index]) in _BIDI


def _is_damaged(text: str, index: int) -> bool:
    code = ord(text[index])
    return code == 0xFFFD or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE


def _is_private(text: str, index: int) -> bool:
    return unicodedata.category(text[index]) == "Co"


def _is_hidden(text: str, index: int) -> bool:
    code = ord(text[index])
    if code in _HIDDEN:
        return not unseen.is_spelt(text, index)
    if code in _VARIATION:
        return index == 0 or text[index - 1].isspace() or ord(text[index - 1]) in _VARIATION
    return code in _TAGS and not _in_flag(text, index)


def _in_flag(text: str, index: int) -> bool:
    start = text.rfind(_BLACK_FLAG, max(0, index - 8), index)
    flag = _FLAG.match(text, start) if start >= 0 else None
    return flag is not None and index < flag.end()


def _is_stacked(text: str, index: int) -> bool:
    first = index - MAX_MARKS
    return first >= 0 and all(unicodedata.category(mark) in ("Mn", "Me") for mark in text[first : index + 1])


_RULES = (
    _Rule("text.control", "a control character", "take it out; line breaks are the only ones taken", _is_control),
    _Rule(
        "text.bidi",
        "a character that reorders what people read",
        "take it out; right-to-left text shows rightly without it",
        _is_bidi,
    ),
    _Rule("text.hidden", "a hidden character", "take it out, or type the passage again", _is_hidden),
    _Rule("text.damaged", "a mark of damaged text", "copy the text from its source again", _is_damaged),
    _Rule(
        "text.private_use",
        "a character that shows only with some fonts",
        "use a character of Unicode's own",
        _is_private,
    ),
    _Rule("text.marks", "a letter with too many marks on it", "type the passage again", _is_stacked),
)
