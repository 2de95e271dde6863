"""Texts of a page as sentences. Pure."""

from __future__ import annotations

import re

_BEGINNINGS = re.compile(
    r"(?:a|an|another|each|it|no|nothing|only|part|picture|screening|save|that|the|there|this|use|what|who|you|your)\b"
)
"""Words with which a service's sentence begins; what else is there may be a name, and keeps its letters."""


class Sentence(str):
    """A text of a catalogue: in its page's language, which is not always that of what a service says."""

    __slots__ = ()


def as_sentence(text: str) -> str:
    """Return what a service says, which begins small and has no end, as a sentence of a page."""
    begun = text[:1].upper() + text[1:] if isinstance(text, Sentence) or _BEGINNINGS.match(text) else text
    whole = begun if not begun or begun.rstrip()[-1:] in ".!?" else f"{begun}."
    return Sentence(whole) if isinstance(text, Sentence) else whole


def typeset(text: str, language: str) -> str:
    """Return a text with the spaces that French has beside its marks unbreakable, so that no line begins with one."""
    return re.sub("(?<=«) | (?=[:;?!»])", "\u00a0", text) if language == "fr" else text
