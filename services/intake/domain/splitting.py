"""Divides a long text into the parts of a thread: at a paragraph, line, sentence or word, else at a letter.

The first part must stand alone, so it ends where a sentence does. Nothing is lost but white space at the seams.
Pure; works on pieces that are never divided themselves (``rendering.units``).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import regex

Unit = tuple[str, int]
"""A piece of text and what it counts."""

_CLOSERS = r"[\p{Pe}\p{Pf}\"'”’»]*"
_PARAGRAPH = regex.compile(r"\n[ \t]*\n\s*")
_LINE = regex.compile(r"\n\s*")
_SENTENCE = regex.compile(rf"(?<=[\p{{Sentence_Terminal}}…])(?:{_CLOSERS}\s+|(?<=[。！？｡．]){_CLOSERS}\s*)")
"""Where a sentence ends: behind a mark of any script (Unicode's Sentence_Terminal) and what closes quotes and brackets;
the wide marks of Chinese and Japanese need no space behind them."""
_WORD = regex.compile(r"\s+")

_ABBREVIATIONS = (
    r"st|ave?|rd|blvd|boul|hwy|rte|cres|crt|ct|pl|pk|pkwy|sq|terr|apt|bldg|fl|ste|mtn?|ft|jct|"
    r"mrs?|ms|mx|dr|prof|rev|hon|gen|col|maj|capt|cpt|lt|sgt|cst|cpl|const|insp|supt|det|pte|coun|gov|pres|sen|rep|"
    r"mmes?|mlles?|me|dre|pr|mgr|"
    r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|janv|f[eé]vr?|avr|juill|d[eé]c|"
    r"mon|tues?|wed|thu|thurs?|fri|sat|sun|lun|mer|jeu|ven|sam|dim|"
    r"nos?|nbr|num|approx|dept|est|govt|min|max|vs|cf|etc|inc|ltd|ltée|co|corp|jr|sr|tel|tél|ext|att|attn|fig|vol|ed|"
    r"al|resp|env|pp?|ch|art|sec|hrs?|km|kg|lbs?|oz|temp|misc|incl|excl|ca|viz"
)
"""After these a full stop ends no sentence (English and French; CLDR's suppressions and what Canadian towns write)."""
_ABBREVIATED = regex.compile(
    rf"(?:^|[\s(«“\"'\[/-])(?:\p{{L}}|\p{{L}}(?:\.\p{{L}})+|{_ABBREVIATIONS})\.$",
    regex.IGNORECASE,
)
_BARE_NUMBER = regex.compile(r"(?:^|[\s(])\p{Nd}{1,3}\.$")
_GOES_ON = regex.compile(r"\s*\p{Ll}")
_BEFORE = 14
"""Characters before a sentence's end that are looked at for an abbreviation."""


class WillNotSplit(Exception):
    """The text cannot become a thread; the message is a half sentence that says why."""


@dataclass(frozen=True)
class Splitter:
    """Divides pieces into parts. ``room`` and ``first_room`` are what a part may count, ``most`` how many there
    may be.
    """

    room: int
    first_room: int
    most: int

    def split(self, units: list[Unit]) -> list[str] | None:
        """Return the parts in order, or None when there would be more than ``most``.

        Raises:
            WillNotSplit: the first part cannot end with a sentence, or a piece is too large for any part.
        """
        rest = _trimmed(units)
        chunks: list[str] = []
        while rest:
            if len(chunks) == self.most:
                return None
            cut = self._first_cut(rest) if not chunks else _cut(rest, self.room)
            chunks.append(_text(rest[:cut]).rstrip())
            rest = _trimmed(rest[cut:])
        return chunks

    def _first_cut(self, units: list[Unit]) -> int:
        fit = _fitting(units, self.first_room)
        if fit == len(units):
            return fit
        ends = _Ends(units, fit)
        cut = ends.last(_PARAGRAPH, least=fit // 2) or ends.last(_LINE, _SENTENCE, least=max(1, fit // 4))
        if not cut:
            raise WillNotSplit(
                "the first part of a thread has to stand alone, and no sentence ends early enough for that"
            )
        return cut


def _cut(units: list[Unit], room: int) -> int:
    fit = _fitting(units, room)
    if fit == len(units):
        return fit
    if fit == 0:
        raise WillNotSplit("a link in it is longer than a whole part")
    ends = _Ends(units, fit)
    half = fit // 2
    return (
        ends.last(_PARAGRAPH, least=half) or ends.last(_LINE, _SENTENCE, least=half) or ends.last(_WORD, least=1) or fit
    )


def _fitting(units: list[Unit], room: int) -> int:
    """Return how many pieces count at most ``room`` together."""
    return bisect_right(list(accumulate(weight for _, weight in units)), room)


class _Ends:
    """Places in the first ``fit`` pieces after which a part may end."""

    def __init__(self, units: list[Unit], fit: int) -> None:
        # A few pieces more, so that the white space after a sentence that just fits is seen.
        self._text = _text(units[: fit + 2])
        self._fit = fit
        offsets = accumulate((len(piece) for piece, _ in units[: fit + 2]), initial=0)
        self._index_at = {offset: index for index, offset in enumerate(offsets)}

    def last(self, *kinds: regex.Pattern[str], least: int) -> int:
        """Return the last place of one of the kinds, at or after ``least`` pieces, or 0."""
        places = [
            index
            for kind in kinds
            for match in kind.finditer(self._text)
            if (index := self._place(kind, match)) and least <= index <= self._fit
        ]
        return max(places, default=0)

    def _place(self, kind: regex.Pattern[str], match: regex.Match[str]) -> int:
        closers = match.group().rstrip()
        offset = match.start() + len(closers)
        if kind is _SENTENCE and not _ends(self._text, match.start(), match.end()):
            return 0
        return self._index_at.get(offset, 0)


def _ends(text: str, mark: int, goes_on: int) -> bool:
    """Say whether a sentence ends there: not behind an abbreviation or a bare number, nor before a small letter."""
    before = text[max(0, mark - _BEFORE) : mark]
    if not before.endswith("."):
        return True
    return not (_ABBREVIATED.search(before) or _BARE_NUMBER.search(before) or _GOES_ON.match(text, goes_on))


def _text(units: list[Unit]) -> str:
    return "".join(piece for piece, _ in units)


def _trimmed(units: list[Unit]) -> list[Unit]:
    start = 0
    while start < len(units) and units[start][0].isspace():
        start += 1
    return units[start:]
