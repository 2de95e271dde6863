"""Masks digits that are no numbers of persons: dates, times of day, and numbers that the city publishes. Pure.

A masked place keeps its length and becomes semicolons, over which no number is read.
"""

from __future__ import annotations

import re

_YEAR = r"(?:19|20)\d\d"
_MONTH = (
    r"(?:jan|feb|f[eé]v|mar|apr|avr|may|mai|jun|juin|jul|juil|aug|ao[uû]t|sep|sept|oct|nov|dec|d[eé]c)[a-zéû]{0,9}\.?"
)
_ENDS = r"(?![\w])(?!-\d)"
_DATES = re.compile(
    rf"(?i)(?<![\w+-])(?:{_YEAR}([-/.])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])(?:t(?=\d))?"
    rf"|(?:0?[1-9]|[12]\d|3[01])([-/.])(?:0?[1-9]|[12]\d|3[01])\2(?:{_YEAR}|\d\d)"
    rf"|(?:{_MONTH} (?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
    rf"|(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th|er)? {_MONTH}),? {_YEAR}"
    rf"){_ENDS}"
)
_COMPACT_DATE = re.compile(
    rf"(?<![\w+-]){_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:t\d{{4,6}}z?)?(?![\w-])", re.IGNORECASE
)
_TIMES = re.compile(
    r"(?i)(?<![\w+])(?:[01]?\d|2[0-4])(?::[0-5]\d(?::[0-5]\d)?(?:\s?[ap]\.?m\.?)?|\s?h(?:rs?|ours?|eures?)?\.?\s?(?:[0-5]\d)?"
    r"|(?:\.[0-5]\d)?\s?[ap]\.?\s?m\.?)(?!\w)"
)


def mask_dates(text: str) -> str:
    """Mask dates and times of day, in the spellings of English and French Canada and of ISO 8601."""
    for pattern in (_DATES, _COMPACT_DATE, _TIMES):
        text = pattern.sub(_masked, text)
    return text


def mask_digits(text: str, published: tuple[str, ...]) -> str:
    """Mask published numbers, whatever is between their digits and with or without the country's 1."""
    for number in published:
        digits = re.sub(r"\D", "", number)
        if len(digits) < 5:
            continue
        if len(digits) == 11 and digits.startswith("1"):
            digits = digits[1:]
        spelled = r"[ .()\-/]{0,3}".join(digits)
        text = re.sub(rf"(?<![\w])(?:\+?1[ .()\-/]{{0,3}})?\(?{spelled}(?!\w)", _masked, text)
    return text


def _masked(match: re.Match[str]) -> str:
    return ";" * len(match.group())
