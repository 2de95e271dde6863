"""What another system left in a text: tags, entities, broken characters, written escapes, unfilled placeholders. Pure.

Platforms show such text as it stands, and screen readers read it out. What is quoted is masked where it has numbers,
for it may be anything that somebody copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5

import regex

LONGEST = 60
"""Characters of a passage that are quoted at most."""

_TAG = regex.compile(
    r"</?(?:a|abbr|b|blockquote|body|br|center|div|em|font|h[1-6]|head|hr|html|i|img|li|ol|p|script|small|span|strong|style"
    r"|sub|sup|table|tbody|td|th|tr|u|ul)(?:\s[^<>\n]{0,300})?/?>",
    regex.IGNORECASE,
)
_ENTITY = regex.compile(r"&(?:#\d{1,7}|#x[\da-f]{1,6}|(?P<name>[a-z][a-z\d]{1,30}));", regex.IGNORECASE)
_BROKEN = regex.compile(
    r"\p{L}{0,20}(?:Ã[\x80-\xba\xbc-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘“•˜™š›œžŸ]|(?<!\p{Lu})Ã[’”»–—]|Â[\x80-\xbf]|â€[^\s\w]?|ðŸ|ï»¿|ï¿½"
    r"|à[¤-ª][\x80-\xbf€-™]"
    r"|(?<=\p{Ll})Å“|\ufffd)\p{L}{0,20}"
)
"""UTF-8 read as Windows-1252, and characters that were lost. Capitals before a closing quote are Portuguese."""
_ESCAPE = regex.compile(r"\\(?:[nrt\"']|u[\da-fA-F]{4}|x[\da-fA-F]{2})")
_PLACEHOLDER = regex.compile(
    r"\$?\{\{?[ ]?[\p{L}\d_][\p{L}\d_ .:-]{0,60}\}\}?|%\(\w{1,40}\)[sd]"
    r"|[\[<](?:(?i:insert|ins[eé]rer|enter|fill in|your|placeholder|to be (?:confirmed|determined))\b[^\]<>\n]{0,60}"
    r"|(?:TB[CD]|LINK|LIEN|URL|DATE|TIME|HEURE|AREA|LOCATION|LIEU|PLACE|NAME|NOM|ADDRESS|ADRESSE|STREET|RUE|NUMBER|X+)"
    r"(?: [A-Z]+){0,3})[\]>]"
)
_DIGITS = regex.compile(r"\d")
MOST_DIGITS = 3
"""Digits that a quoted passage may show: with more it may hold a number of somebody's."""


@dataclass(frozen=True)
class Leftover:
    """One passage as it stands, and what it looks like."""

    passage: str
    what: str


def find(text: str) -> Iterator[Leftover]:
    """Yield what looks left in a text by another system, kind by kind."""
    for pattern, what in (
        (_TAG, "an HTML tag that another system left there"),
        (_ENTITY, "an HTML entity that another system left there"),
        (_BROKEN, "a character in a wrong encoding"),
        (_ESCAPE, "a written escape that another system left there"),
        (_PLACEHOLDER, "a placeholder that nobody filled in"),
    ):
        for match in pattern.finditer(text):
            name = match.group("name") if pattern is _ENTITY else None
            if name is None or f"{name};" in html5:
                yield Leftover(_quoted(match.group(), keep=pattern in (_ENTITY, _ESCAPE)), what)


def _quoted(passage: str, *, keep: bool) -> str:
    masked = not keep and len(_DIGITS.findall(passage)) > MOST_DIGITS
    return (_DIGITS.sub("•", passage) if masked else passage)[:LONGEST]
