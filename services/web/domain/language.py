"""Which language the pages speak. Pure."""

from __future__ import annotations

LANGUAGES = ("en", "fr")
"""Those that the pages speak; the first one where a browser asks for none of them."""

PREPARED = ("pa",)
"""Those whose catalogue is begun, and was not read by a speaker yet: offered to nobody."""


def asked_language(header: str) -> str:
    """Return the language that a browser would rather have, by its Accept-Language (RFC 9110, 12.5.4)."""
    best, weight = LANGUAGES[0], 0.0
    for part in header.split(","):
        tag, _, more = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        language = LANGUAGES[0] if language == "*" else language
        if language in LANGUAGES and (wanted := _weight(more)) > weight:
            best, weight = language, wanted
    return best


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0
