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
_WIDE = r"[。！？｡．﹒﹖﹗]"
_SPACED = r"[\p{Thai}\p{Lao}\p{Tai_Tham}\p{Tai_Le}\p{New_Tai_Lue}\p{Tai_Viet}]"
_SENTENCE = regex.compile(
    rf"(?<=[\p{{Sentence_Terminal}}…\u0f0d-\u0f12])(?:{_CLOSERS}\s+|(?<={_WIDE}){_CLOSERS}\s*)"
    rf"|(?<=\p{{Greek}}[;\u037e·\u0387]){_CLOSERS}\s+|(?<={_SPACED}{_CLOSERS})\s+(?=\P{{L}}{{0,20}}{_SPACED})"
)
"""Where a sentence ends: behind a mark of any script (Unicode's Sentence_Terminal, and Tibetan's) and what closes
quotes and brackets; the wide marks of Chinese and Japanese need no space behind them. In Greek also behind its question
mark and its raised point. Thai, Lao and their kin have no mark: a space parts what English parts with one."""
_WORD = regex.compile(r"[\s\u200b]+")
"""A zero-width space parts words, too: in Thai, Lao, Khmer and Burmese."""
_SPACES = "".join(
    map(chr, (*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200C), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000))
)

_ABBREVIATIONS = (
    r"ave?|boul|hwy|pkwy|cty|rte|cres|terr|apt|app|suppl|ste|"
    r"mx|prof|rev|hon|gen|col|maj|capt|cst|const|insp|supt|det|pte|coun|gov|pres|sen|rep|asst|dep|div|batt|brig|adm|"
    r"mm|mmes?|mlles?|me|dre|mgr|"
    r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|janv|f[eé]vr?|avr|juill|d[eé]c|"
    r"mon|tues?|weds?|thu|thurs?|fri|sat|sun|lun|mer|jeu|ven|sam|dim|"
    r"ont|que|qu[eé]|alta|sask|man|[iî]\.-p\.-[eé]|calif|wash|ore|alb|prov|reg|dist|mun|nat|elem|sch|"
    r"nos?|num|approx|appx|est|min|max|etc|inc|ltée|co|corp|cie|tel|tél|ext|poste|att|attn|fig|vol|ed|[eé]d|"
    r"al|resp|env|art|sec|temp|misc|incl|excl|ca|viz|mi|rue|ex|fl|bur|suc|isl|ind|re|pt|univ|"
    r"int|intl|fax|op|lat|long|elev|cont|org|exec|comm|dept|assn|assoc|hosp|lib|treas|ald|eng|lieut|adj|circ?|pen|sub|"
    r"evac|emerg|fwy|frwy|expy|byp|ter|rge|conc|sta|cyn|natl|fed|acad|dir|comdr|cmdr|atty|chas|thos|wm|mins|hrs|secs|precip|"
    r"riv|yuk|nfld|govt|prelim|avg|arr|auj|imm|pav|sem|rens|hab|coord|serv|agric|alt|orig|cap|lic|mod|"
    # Spanish, Portuguese, German, Italian, Polish
    r"sra|srta|dra|ud|uds|av|avda|p[aá]g|n[uú]m|aprox|abs|evtl|usw|inkl|evtl|abt|dott|sig|sigg|ing|ecc|ul|tys|godz|ee|uu|excmo|atte|depto|"
    r"esq|prol|ctra|urb|km|kap|art"
    # Russian and Ukrainian
    r"|ул|тел|г|д|им|стр|обл|пр|просп|вул|буд|грн|руб|кв|корп|пер|пос|мин|сек|чел|тыс|млн|др|см|шос|наб|р-н|хв"
)
"""After these a full stop ends no sentence (CLDR's suppressions and what Canadian towns write, provinces included)."""
_CONSONANTS = r"(?!\p{Lu}{2})[B-DF-HJ-NP-TV-XZb-df-hj-np-tv-xz]{2,6}"
"""A word without a vowel is one too (Mt, Blvd, Trl, Mrs), unless it is in capitals: "Call the RCMP. Leave now." """
_ABBREVIATED = regex.compile(
    rf"(?:^|[\s(«“\"'\[/-])(?:(?i:\p{{L}}|\p{{L}}{{1,2}}(?:\.\s?\p{{L}}{{1,4}})+|{_ABBREVIATIONS})|{_CONSONANTS})\.$"
)
_BARE_NUMBER = regex.compile(r"(?:^|[\s(])(?![2-9]11\.)\p{Nd}{1,3}\.$")
"""An item's or a street's number; "Call 911." is a sentence."""
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
            chunks.append(_text(rest[:cut]).rstrip(_SPACES))
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
        closers = match.group().rstrip(_SPACES)
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
    while start < len(units) and not units[start][0].strip(_SPACES):
        start += 1
    return units[start:]
