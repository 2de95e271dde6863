"""Which language a text is in: by its script, and for Latin letters by its small words. A guess, shown before the yes.

Pure. Answers are ISO 639-1 codes, as in BCP 47. Whether a given language is one is looked up in the registry.
"""

from __future__ import annotations

from collections import Counter

import regex

from schemas import languages, links
from services.kernel.base.errors import BadInput

_NO_WORDS = regex.compile(r"[@#]\S+")
_LETTER = regex.compile(r"\p{L}")
_CAPITALIZED = regex.compile(r"\b\p{Lu}[\p{Latin}\p{M}'’.-]*")
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
    ("ar", "ku", regex.compile("[ێۆڕڵ]")),
    ("ar", "ps", regex.compile("[ټډړږښڼځڅېۍ]")),
    ("ar", "pa", regex.compile(r"[ݨࣇ]|(?:^|\W)(?:وچ|وِچ|نوں|دیاں|تہاڈ[اےی]|ساڈ[اےی]|ایہہ|کیتا|اوہناں)(?!\w)")),
    ("ar", "ur", regex.compile("[ٹڈڑںےہھ]")),
    ("ar", "fa", regex.compile("[پچژگکی]")),
    ("ru", "uk", regex.compile("[іїєґІЇЄҐ]")),
    ("ru", "sr", regex.compile("[ђјљњћџЂЈЉЊЋЏ]")),
    ("hi", "mr", regex.compile(r"ळ|(?:^|\W)(?:आहे|आहेत|आणि|नका)(?!\w)")),
    ("hi", "ne", regex.compile(r"नुहोस|नुहोला|(?:^|\W)(?:छ|छन्|हुन्छ|भएको|गर्न|यहाँ)(?!\w)")),
    ("he", "yi", regex.compile("[װױײ]|אַ|אָ")),
    ("iu", "cr", regex.compile("[ᐠᐟᐨᐣᐢᐤᐦᒼᐍ]")),
)
"""A script of several languages: which letters or words tell another one from the first."""

_SMALL_WORDS = {
    "en": "the and of to in is are for on with at by from be will this that please your you not no now due "
    "until near has have it stay road closed water fire a an or if we our they as so do but can may its "
    "was were who what when where which how use keep go out down one all each more than only then them "
    "after before between you're we're leave open call order alert update area evacuation flood warning",
    "fr": "le la les un une des de du et est sont pour dans sur avec au aux par ce cette qui que vous votre ne "
    "pas jusqu en à il elle se plus sans l'eau d'eau l' d' êtes être alerte avis route rue fermée fermé "
    "inondation évacuation eau ordre incendie feu maintenant",
    "es": "el la los las una unos de del y es son para con por que se su no en al está están hasta agua más "
    "como aviso alerta orden calle camino cerrado cerrada carretera inundación evacuación incendio ahora "
    "zona inmediata",
    "de": "der die das und ist sind für mit von im den dem ein eine nicht bitte bis auf zu wird wegen sofort "
    "straße gesperrt wasser evakuierung hochwasser gebiet verlassen feuer warnung jetzt",
    "it": "il lo la gli una e di per con non del della che sono è nel alla fino si acqua più zona strada chiusa "
    "chiuso evacuare evacuazione subito allerta avviso incendio alluvione ora immediata",
    "pt": "a o os as um uma e de para com não do da que são é no na até água mais está antes aviso alerta estrada "
    "fechada evacuação imediata incêndio inundação agora ferva zona",
    "nl": "de het een en van is zijn voor met op niet naar bij tot te wordt water onmiddellijk gebied verlaat "
    "weg afgesloten overstroming evacuatie brand nu waarschuwing",
    "tl": "ang ng mga sa na at ay para hindi kung po ito mula dahil huwag lahat agad tubig lumikas kalsada "
    "sarado baha sunog ngayon pakuluan bago",
    "vi": "và của là cho các không được trong với này người có tại đến nước hãy di tản ngay khỏi nhà đường đóng "
    "lũ lụt sơ tán khẩn cấp",
    "pl": "i w na z do nie jest się oraz dla od po przez proszę natychmiast teren wody woda droga zamknięta "
    "ewakuacja opuścić powódź pożar",
    "ro": "și în la cu de pe nu este sunt pentru din să zona imediat părăsiți apă drum închis incendiu",
    "cs": "v na do ne je se pro od po jsou prosím okamžitě oblast opusťte voda silnice povodeň",
    "hu": "az és van nem egy el hagyja területet azonnal víz út árvíz kérjük",
    "tr": "ve bir bu için ile de da hemen bölgeyi terk edin su yol sel lütfen yangın kapalı",
    "hr": "i u na je se za od su ne odmah napustite područje voda cesta poplava molimo",
    "so": "iyo waa ka ku oo la hadda bax biyo waddada aagga dabka fadlan",
    "sw": "na ya wa kwa ni katika sasa ondoka maji barabara moto tafadhali eneo",
}
_WORDS = {language: frozenset(words.split()) for language, words in _SMALL_WORDS.items()}
_OWN_LETTERS = {
    "fr": regex.compile(r"[éèêëàâçùûîïôœ]|(?<=\p{L})[ \u00a0\u202f][!?:;](?!\S)|«[ \u00a0\u202f]", regex.IGNORECASE),
    "hur": regex.compile(r"[qkx]['’]\p{L}|xw|x̱|[ʔʷəƛχθ]|[\u00c0-\u024f]:\p{L}", regex.IGNORECASE),
    "es": regex.compile(r"[ñ¿¡]|(?:ción|ciones)\b", regex.IGNORECASE),
    "de": regex.compile("[ßäöü]", regex.IGNORECASE),
    "pt": regex.compile(r"[ãõ]|(?:ção|ções)\b", regex.IGNORECASE),
    "vi": regex.compile("[ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", regex.IGNORECASE),
    "pl": regex.compile("[ąęłńśźż]", regex.IGNORECASE),
    "ro": regex.compile("[ășțşţ]", regex.IGNORECASE),
    "cs": regex.compile("[ěřůťďň]", regex.IGNORECASE),
    "hu": regex.compile("[őű]", regex.IGNORECASE),
    "tr": regex.compile("[ğışİ]"),
    "hr": regex.compile("[čćđ]", regex.IGNORECASE),
}
"""Letters that speak for a language where its small words do not: each different one counts as one such word."""

_FRENCH_BEGINNING = regex.compile(r"\b(?:l|d|qu|n|s|c|jusqu|aujourd)['’]\p{L}", regex.IGNORECASE)


_ARTICLE = regex.compile(r"^(?:l|d|dell|nell|all|dall|sull|un|qu)['’]", regex.IGNORECASE)


def guess(text: str, default: str = "en") -> str:
    """Return the language that most of a text is in; ``default`` where nothing tells.

    Addresses, handles and hashtags are not looked at.
    """
    plain = _NO_WORDS.sub(" ", links.without(text))
    scripts = Counter(found.lastgroup or "" for found in _SCRIPT.finditer(_without_names(plain)))
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


def check_languages(first: str | None, *others: str) -> None:
    """Check that a text's language and its translations' are registered.

    Raises:
        BadInput: ``language.unknown``, ``lang.unknown`` (of a translation).
    """
    for tag in (first, *others):
        if tag is not None and not languages.is_known(tag):
            raise BadInput(
                "language.unknown" if tag == first else "lang.unknown",
                f"there is no language {tag!r} in the registry of languages (BCP 47)",
                "the shortest code, as en, pa, squ or zh-Hant: iso639-3.sil.org lists them",
            )


def _without_names(plain: str) -> str:
    """Leave out what begins with a capital where another script stands too: a street keeps its Latin name."""
    without = _CAPITALIZED.sub(" ", plain)
    return without if _LETTER.search(without) else plain


def _main_script(scripts: Counter[str]) -> str:
    """Japanese is mostly Han by count, and known by its kana."""
    if scripts["Hiragana"] + scripts["Katakana"] > scripts["Han"] // 10:
        scripts["Hiragana"] += scripts.pop("Han", 0) if scripts["Hiragana"] + scripts["Katakana"] else 0
    return max(scripts, key=lambda script: scripts[script])


def _known(words: list[str], known: frozenset[str]) -> int:
    """Return how many words are of a language; a word of one letter (e, y, a) counts beside others only."""
    found = [word for word in words if word in known]
    return len(found) if any(len(word) > 1 for word in found) else 0


def _with_noun(word: str) -> tuple[str, ...]:
    """Return a word, and beside ``l'acqua`` what is behind its article."""
    noun = _ARTICLE.sub("", word)
    return (word,) if noun == word else (word, noun)


def _of_latin(plain: str, default: str) -> str:
    words = [word.casefold() for found in _WORD.findall(plain) for word in _with_noun(found)]
    counts = Counter({language: _known(words, known) for language, known in _WORDS.items()})
    counts["fr"] += len(_FRENCH_BEGINNING.findall(plain))
    for language, letters in _OWN_LETTERS.items():
        counts[language] += len({letter.casefold() for letter in letters.findall(plain)})
    best = max(counts.values())
    if best == 0:
        return default
    leaders = [language for language, count in counts.items() if count == best]
    return default if default in leaders else leaders[0]
