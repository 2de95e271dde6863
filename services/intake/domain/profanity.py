"""Vulgar and profane words, also disguised ones (sh1t, f*ck), by the word list of ``glin-profanity``.

Words inside words (Scunthorpe) are no hits. The list is made for chat rooms: what a city writes plainly, as in
"fecal coliforms" or "a pilot car will escort you", is taken off it here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

PLAIN_WORDS = (
    "sex", "rape", "raping", "rapist", "date rape", "incest", "pedophile", "paedophile", "nude", "nudity",
    "intercourse", "genitals", "semen", "rectum", "anus", "nipple", "nipples", "suck", "sucks", "swastika",
    "escort", "fecal", "hoe", "butt", "snatch", "skeet", "scat", "domination", "swinger", "humping", "grope",
    "hard core", "hardcore", "alaskan pipeline", "jelly donut", "girl on", "how to kill", "how to murder",
    "ejaculation", "bondage", "spunk", "playboy", "strip club", "shrimping", "panty", "panties", "voyeur",
    "xx", "bs", "mf", "neonazi", "suicide girls", "pegging", "simp", "big black", "huge fat", "coon", "coons",
    "barenaked", "santorum", "tainted love", "poof", "negro", "pissing", "dp action", "poon", "cornhole",
    "beaver lips", "missionary position", "snowballing", "busty", "mr hands", "honkey", "twink", "kinky",
)  # fmt: skip
"""Words of the list that a city's own messages may need: animals, medicine, policing, traffic, place names."""

MORE_WORDS = ("damn", "goddamn", "crap", "crappy", "bugger")
"""Words that the list leaves out and an official profile does not use."""


def find(text: str) -> tuple[str, ...]:
    """Return the words of a text that are vulgar or profane, as they stand there, each once."""
    if not any(character.isalpha() for character in text):
        return ()
    matches = _filter().check_profanity(text).get("matches") or ()
    return tuple(dict.fromkeys(str(match["word"]) for match in matches))


@cache
def _filter() -> Any:
    # Loaded on first use: the command and the other services need no word lists.
    from glin_profanity import Filter

    return Filter(
        {
            "languages": ["english", "french"],
            "word_boundaries": True,
            "detect_leetspeak": True,
            "leetspeak_level": "moderate",
            "ignore_words": list(PLAIN_WORDS),
            "whitelist": list(PLAIN_WORDS),
            "custom_words": list(MORE_WORDS),
        }
    )
