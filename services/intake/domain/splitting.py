"""Divides a long text into the parts of a thread: at a paragraph, line, sentence or word, else at a letter.

The first part must stand alone, so it ends where a sentence does. Nothing is lost but white space at the seams.
Pure; works on pieces that are never divided themselves (``rendering.units``).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import regex

from services.intake.domain.abbreviations import SentenceEnd, end_at

Unit = tuple[str, int]
"""A piece of text and what it counts."""

_CLOSERS = r"[\p{Pe}\p{Pf}\"'”’»]*+"
_UNSPACED = (
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
    r"\p{Tai_Le}\p{New_Tai_Lue}\p{Tai_Tham}\p{Tai_Viet}\p{Javanese}\p{Balinese}]"
)
"""Scripts that put no space between words."""
_MARKS = (
    r"[\p{Sentence_Terminal}…\u05c3\u0df4\u0e5a\u0e5b\u0f08\u0f0d-\u0f12\u0f14\u10fb\u17da\u1805\u1b5d\u1c3b-\u1c3f]"
)
"""What ends a sentence in any script: Unicode's Sentence_Terminal, and marks that it leaves out, as Tibetan's shad."""
_TYPED = r"[\p{Greek}][;·\u037e\u0387]|\p{Armenian}:|(?<=\p{Ethiopic})(?:፡፡|::)|[\p{L}\p{M}]\|{1,2}(?<!\p{Latin}\|+)"
"""Marks that end one in their script only: Greek's question mark and raised dot; what is typed for Armenian's,
Ethiopia's and India's full stops."""
_WIDE = r"[。！？｡．﹒﹖﹗︒︕︖]"
_SENTENCE = regex.compile(
    rf"(?:(?<={_MARKS})|(?<={_TYPED})){_CLOSERS}\s+"
    rf"|(?<={_WIDE}){_CLOSERS}(?!{_MARKS})\s*"
    rf"|(?<={_UNSPACED}[.!?]){_CLOSERS}(?=[\p{{Ps}}\p{{Pi}}]*{_UNSPACED})"
    rf"|(?<=(?![.!?…۔․]){_MARKS}){_CLOSERS}(?=[\p{{Ps}}\p{{Pi}}]*\p{{Lo}})(?!\p{{L}}{_MARKS})"
)
"""Where a sentence ends: behind a mark of any script and what closes quotes and brackets. Wide marks need no space
behind them, nor do those of scripts other than Latin before a letter."""
_PHRASE = regex.compile(
    rf"(?<={_UNSPACED}(?<![\p{{Nd}}ๆໆៗ]){_CLOSERS})[\s\u200b]*\s[\s\u200b]*(?=(?![\p{{Nd}}ๆໆៗ]){_UNSPACED})"
)
"""Where words have no space between them, a space ends a phrase; Thai and Lao have no other mark."""
_WORD = regex.compile(r"[\s\u200b]+")
"""A zero-width space parts words, too: in Thai, Lao, Khmer and Burmese."""
_PARAGRAPH = regex.compile(r"\n[ \t]*\n\s*")
_LINE = regex.compile(r"\n\s*")
_WRAPPED = regex.compile(r"[\p{L}\p{M},][ \t]*\n[ \t]*\p{Ll}|[^\n]{50}[\p{L}\p{M}\p{N},]\n[\p{L}\p{N}]")
"""Where a sentence goes on in the next line, or a long one ends without a mark: another system or an e-mail broke the
text at some column."""
_ITEM = regex.compile(r"[^\p{L}\p{M}\p{N}\s\p{Ps}\p{Pi}\"']|\p{Nd}{1,3}[.)]\s")
"""How an item of a list begins."""
_SPACES = "".join(
    map(chr, (*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200C), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000))
)


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
        cut = ends.last(_PARAGRAPH, least=fit // 2) or ends.last_sentence(least=max(1, fit // 4))
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
    return ends.last(_PARAGRAPH, least=half) or ends.last_sentence(least=half) or ends.last(_WORD, least=1) or fit


def _fitting(units: list[Unit], room: int) -> int:
    """Return how many pieces count at most ``room`` together."""
    return bisect_right(list(accumulate(weight for _, weight in units)), room)


class _Ends:
    """Places in the first ``fit`` pieces after which a part may end."""

    def __init__(self, units: list[Unit], fit: int) -> None:
        # A few pieces more, so that the white space after a sentence that just fits is seen.
        self._text = _text(units[: fit + 2])
        self._wrapped = _WRAPPED.search(self._text) is not None
        self._fit = fit
        offsets = accumulate((len(piece) for piece, _ in units[: fit + 2]), initial=0)
        self._index_at = {offset: index for index, offset in enumerate(offsets)}

    def last_sentence(self, least: int) -> int:
        """Return the last place at the end of a line or sentence, at or after ``least`` pieces, or 0.

        A clear end goes before one that may be an abbreviation's, and that before the end of a phrase, and that
        before a line within a sentence.
        """
        return (
            self.last(_LINE, _SENTENCE, least=least)
            or self.last(_LINE, _SENTENCE, least=least, sure=SentenceEnd.PERHAPS)
            or self.last(_PHRASE, least=least)
            or self.last(_LINE, least=least, sure=SentenceEnd.NONE)
        )

    def last(self, *kinds: regex.Pattern[str], least: int, sure: SentenceEnd = SentenceEnd.CLEAR) -> int:
        """Return the last place of one of the kinds, at or after ``least`` pieces, or 0."""
        places = [
            index
            for kind in kinds
            for match in kind.finditer(self._text)
            if (index := self._place(kind, match, sure)) and least <= index <= self._fit
        ]
        return max(places, default=0)

    def _place(self, kind: regex.Pattern[str], match: regex.Match[str], sure: SentenceEnd) -> int:
        closers = match.group().rstrip(_SPACES)
        offset = match.start() + len(closers)
        if kind is _SENTENCE and end_at(self._text, match.start(), match.end()) < sure:
            return 0
        if kind is _LINE and self._line_end(match) < sure:
            return 0
        return self._index_at.get(offset, 0)

    def _line_end(self, match: regex.Match[str]) -> SentenceEnd:
        """Say how sure it is that a sentence ends with a line: in a text that was broken at some column it may not."""
        if not self._wrapped or match.group().count("\n") > 1 or _ITEM.match(self._text, match.end()):
            return SentenceEnd.CLEAR
        mark = match.start()
        while mark and self._text[mark - 1] in _SPACES:
            mark -= 1
        if self._text[mark - 1 : mark].isalnum() or self._text[mark - 1 : mark] == ",":
            return SentenceEnd.PERHAPS
        return end_at(self._text, mark, match.end())


def _text(units: list[Unit]) -> str:
    return "".join(piece for piece, _ in units)


def _trimmed(units: list[Unit]) -> list[Unit]:
    start = 0
    while start < len(units) and not units[start][0].strip(_SPACES):
        start += 1
    return units[start:]
