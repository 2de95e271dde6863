"""Which language a text is in: by its script, and for Latin letters by its small words. A guess, shown before the yes.

Pure. Answers are ISO 639-1 codes, as in BCP 47.
"""

from __future__ import annotations

from collections import Counter

import regex

from schemas import links

_NO_WORDS = regex.compile(r"[@#]\S+")
_LETTER = regex.compile(r"\p{L}")
_WORD = regex.compile(r"\p{L}+(?:['’]\p{L}+)?")

_SCRIPTS = {
    "Han": "zh", "Gurmukhi": "pa", "Devanagari": "hi", "Bengali": "bn", "Gujarati": "gu", "Tamil": "ta", "Telugu": "te",
    "Kannada": "kn", "Malayalam": "ml", "Oriya": "or", "Sinhala": "si", "Thai": "th", "Lao": "lo", "Khmer": "km",
    "Myanmar": "my", "Tibetan": "bo", "Hangul": "ko", "Hiragana": "ja", "Katakana": "ja", "Arabic": "ar",
    "Hebrew": "he", "Cyrillic": "ru", "Greek": "el", "Armenian": "hy", "Georgian": "ka", "Ethiopic": "am",
    "Canadian_Aboriginal": "iu",
}  # fmt: skip
_SCRIPT = regex.compile("|".join(rf"(?P<{script}>\p{{Script={script}}})" for script in [*_SCRIPTS, "Latin"]))

_BY_LETTERS = (
    ("ar", "ur", regex.compile("[ٹڈڑںےہھ]")),
    ("ar", "fa", regex.compile("[پچژگکی]")),
    ("ru", "uk", regex.compile("[іїєґІЇЄҐ]")),
)
"""A script of several languages: which letters tell the second from the first."""

_SMALL_WORDS = {
    "en": "the and of to in is are for on with at by from be will this that please your you not no now due until near "
    "has have it stay road closed water",
    "fr": "le la les un une des de du et est sont pour dans sur avec au aux par ce cette qui que vous votre ne pas "
    "jusqu en à il elle se plus sans l'eau d'eau l' d' êtes être",
    "es": "el los las una unos de del y es son para con por que se su no en al está están hasta agua más como",
    "de": "der die das und ist sind für mit von im den dem ein eine nicht bitte bis auf zu wird wegen",
    "it": "il lo gli una e di per con non del della che sono è nel alla fino si acqua più",
    "pt": "o os as um uma e de para com não do da que são é no na até água mais está",
    "nl": "de het een en van is zijn voor met op niet naar bij tot te wordt water",
    "tl": "ang ng mga sa na at ay para hindi kung po ito mula dahil huwag lahat",
    "vi": "và của là cho các không được trong với này người có tại đến nước",
    "pl": "i w na z do nie jest się oraz dla od po przez proszę",
}
_WORDS = {language: frozenset(words.split()) for language, words in _SMALL_WORDS.items()}
_OWN_LETTERS = {
    "fr": regex.compile("[éèêëàâçùûîïôœ]", regex.IGNORECASE),
    "es": regex.compile(r"[ñ¿¡]|(?:ción|ciones)\b", regex.IGNORECASE),
    "de": regex.compile("[ßäöü]", regex.IGNORECASE),
    "pt": regex.compile("[ãõ]", regex.IGNORECASE),
    "vi": regex.compile("[ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", regex.IGNORECASE),
    "pl": regex.compile("[ąęłńśźż]", regex.IGNORECASE),
}
"""Letters that speak for a language where its small words do not: they count as one such word."""

_FRENCH_BEGINNING = regex.compile(r"\b(?:l|d|qu|n|s|c|jusqu|aujourd)['’]\p{L}", regex.IGNORECASE)


def guess(text: str, default: str = "en") -> str:
    """Return the language that most of a text is in; ``default`` where nothing tells.

    Addresses, handles and hashtags are not looked at.
    """
    plain = _NO_WORDS.sub(" ", links.without(text))
    scripts = Counter(found.lastgroup or "" for found in _SCRIPT.finditer(plain))
    if not scripts:
        return default
    script = _main_script(scripts)
    if script == "Latin":
        return _of_latin(plain, default)
    language = _SCRIPTS[script]
    for first, second, letters in _BY_LETTERS:
        if language == first and letters.search(plain):
            return second
    return language


def _main_script(scripts: Counter[str]) -> str:
    """Japanese is mostly Han by count, and known by its kana."""
    if scripts["Hiragana"] + scripts["Katakana"] > scripts["Han"] // 10:
        scripts["Hiragana"] += scripts.pop("Han", 0) if scripts["Hiragana"] + scripts["Katakana"] else 0
    return max(scripts, key=lambda script: scripts[script])


def _of_latin(plain: str, default: str) -> str:
    words = [word.casefold() for word in _WORD.findall(plain)]
    counts = {language: sum(word in known for word in words) for language, known in _WORDS.items()}
    counts["fr"] += len(_FRENCH_BEGINNING.findall(plain))
    for language, letters in _OWN_LETTERS.items():
        counts[language] += letters.search(plain) is not None
    best = max(counts.values())
    if best == 0:
        return default
    leaders = [language for language, count in counts.items() if count == best]
    return default if default in leaders else leaders[0]
