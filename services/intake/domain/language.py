"""Which language a text is in: by its script, and for Latin letters by its small words. A guess, shown before the yes.

Pure. Answers are ISO 639 codes, as in BCP 47; ``und`` (undetermined) for a script that is not known here. Whether a
given language is one is looked up in the registry. The city's language stands until two words of another one, more
than of its own, speak against it: what is said wrongly here, a screen reader reads wrongly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import regex

from schemas import languages, links
from schemas.languages import base
from services.kernel.base.errors import BadInput

_NO_WORDS = regex.compile(r"[@#]\S+")
_BARE_HOST = regex.compile(
    rf"(?<![\w@.-])(?:[\p{{L}}\p{{N}}][\p{{L}}\p{{N}}-]*\.)+(?:{'|'.join(sorted(links.KNOWN_TOPS))})\b(?![.@]\w)(?:[/?#]\S*)?",
    regex.IGNORECASE,
)
_LETTER = regex.compile(r"\p{L}")
_CAPITALIZED = regex.compile(r"\b\p{Lu}[\p{Latin}\p{M}'’.-]*")
_WORD = regex.compile(r"\p{L}+(?:['’]\p{L}+)?")

_SCRIPTS = {
    "Han": "zh", "Gurmukhi": "pa", "Devanagari": "hi", "Bengali": "bn", "Gujarati": "gu", "Tamil": "ta", "Telugu": "te",
    "Kannada": "kn", "Malayalam": "ml", "Oriya": "or", "Sinhala": "si", "Thai": "th", "Lao": "lo", "Khmer": "km",
    "Myanmar": "my", "Tibetan": "bo", "Hangul": "ko", "Hiragana": "ja", "Katakana": "ja", "Arabic": "ar",
    "Hebrew": "he", "Cyrillic": "ru", "Greek": "el", "Armenian": "hy", "Georgian": "ka", "Ethiopic": "am",
    "Canadian_Aboriginal": "iu", "Thaana": "dv", "Syriac": "syr", "Nko": "nqo", "Cherokee": "chr",
}  # fmt: skip
_UNDETERMINED = "und"
_SCRIPT = regex.compile(
    "|".join(rf"(?P<{script}>\p{{Script={script}}})" for script in [*_SCRIPTS, "Latin"])
    + r"|(?P<Other>(?!\p{Script=Common}|\p{Script=Inherited})\p{L})"
)

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
    "after before between you're we're leave open call order alert update area evacuation flood warning "
    "boil advisory outage outages crews cancelled available reopening reopens sandbags power rain wind snow smoke "
    "expected delays avoid today tonight tomorrow evacuate detour blocked",
    "fr": "le la les un une des de du et est sont pour dans sur avec au aux par ce cette qui que vous votre ne "
    "pas jusqu en à il elle se plus sans l'eau d'eau l' d' êtes être alerte avis route rue fermée fermé "
    "inondation évacuation eau ordre incendie feu maintenant évacuez évacuer quittez "
    "évitez faites bouillir fermez restez appelez ébullition coupure panne tempête neige crue retard pont école écoles "
    "fermés fermées annulé annulée annulés immédiate immédiatement secteur aujourd'hui demain "
    "collecte ordures retardé retardée fermeture courant neige verglas",
    "es": "el la los las una unos de del y es son para con por que se su no en al está están hasta agua más "
    "como aviso alerta orden calle camino cerrado cerrada carretera inundación evacuación incendio ahora "
    "zona inmediata inmediatamente evacúe evacúen evacue evacuen hierva hiervan salga salgan evite eviten corte luz "
    "escuela tormenta puente cerrados mañana hoy",
    "de": "der die das und ist sind für mit von im den dem ein eine nicht bitte bis auf zu wird wegen sofort "
    "straße gesperrt wasser evakuierung hochwasser gebiet verlassen feuer warnung jetzt",
    "it": "il lo la gli una e di per con non del della che sono è nel alla fino si acqua più zona strada chiusa "
    "chiuso evacuare evacuazione subito allerta avviso incendio alluvione ora immediata",
    "pt": "a o os as um uma e de para com não do da que são é no na até água mais está antes aviso alerta estrada "
    "fechada evacuação imediata incêndio inundação agora ferva zona evacue evacuem saia saiam "
    "evite evitem fervam imediatamente tempestade ponte escola amanhã hoje",
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
CLEAR_LEAD = 3
"""Small words that tell a language though others have them too, in a text without any word of the city's language."""

_SHARED_WORDS = """
al alert an as at au aux avis ay bin brand bu ce cent com come con da das de del den der des di die do du ein
el en est et il im in is ka ku la las les lo los me met mit na ne no non nu o on op or os par para pas pe per
plus po pour pro que route rue sa san sans se sol son su sur te tot um un van ve via von wa war water we weg y
ya zona
"""
_ENGLISH_TOO = frozenset(_SHARED_WORDS.split())
"""Words, parts of names and directions of an English text too: they count only beside others of their language."""

_OWN_SIGNS = {
    "fr": regex.compile(r"(?<=\p{L})[ \u00a0\u202f][!?:;](?!\S)|«[ \u00a0\u202f]", regex.IGNORECASE),
    "hur": regex.compile(r"[qkx]['’]\p{L}|xw|x̱|[ʔʷəƛχθ]|[\u00c0-\u024f]:\p{L}", regex.IGNORECASE),
    "es": regex.compile(r"[¿¡]|(?:ción|ciones)\b", regex.IGNORECASE),
    "de": regex.compile("ß", regex.IGNORECASE),
    "pt": regex.compile(r"(?:ção|ções)\b", regex.IGNORECASE),
    "vi": regex.compile("[ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", regex.IGNORECASE),
    "pl": regex.compile("[ąęłńśźż]", regex.IGNORECASE),
    "ro": regex.compile("[ășțşţ]", regex.IGNORECASE),
    "cs": regex.compile("[ěřůťďň]", regex.IGNORECASE),
    "hu": regex.compile("[őű]", regex.IGNORECASE),
    "tr": regex.compile("[ğışİ]"),
    "hr": regex.compile("[čćđ]", regex.IGNORECASE),
}
"""Signs that speak for a language where its small words do not: each different one counts as one such word."""
_BORROWED_LETTERS = {
    "fr": regex.compile("[éèêëàâçùûîïôœ]", regex.IGNORECASE),
    "es": regex.compile("ñ", regex.IGNORECASE),
    "de": regex.compile("[äöü]", regex.IGNORECASE),
    "pt": regex.compile("[ãõ]", regex.IGNORECASE),
}
"""Letters that names and words of others have too (Café, El Niño): they count only beside a word of the language."""

_FRENCH_BEGINNING = regex.compile(r"\b(?:l|d|qu|n|s|c|jusqu|aujourd)['’]\p{L}", regex.IGNORECASE)


_FRENCH_NAME = regex.compile(
    r"\b(?:École|Ecole|Pont)s?(?:\s+(?:(?:de|du|des|la|le|les)\s+|[dl]['’])*\p{Lu}[\p{Ll}\p{M}'’.-]*)+"
)
"""What is called so in a text of any language: École Heritage Park. It counts only where the rest is French, too."""


_ARTICLE = regex.compile(r"^(?:l|d|dell|nell|all|dall|sull|un|qu)['’]", regex.IGNORECASE)


def guess(text: str, default: str = "en") -> str:
    """Return the language that most of a text is in; ``default`` where nothing tells.

    Addresses, also bare ones, handles and hashtags are not looked at.
    """
    plain = _BARE_HOST.sub(" ", _NO_WORDS.sub(" ", links.without(text)))
    scripts = Counter(found.lastgroup or "" for found in _SCRIPT.finditer(_without_names(plain)))
    if not scripts:
        return default
    script = _main_script(scripts)
    if script == "Latin":
        return _of_latin(plain, default)
    language = _SCRIPTS.get(script, _UNDETERMINED)
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


def _with_noun(word: str) -> tuple[str, ...]:
    """Return a word, and beside ``l'acqua`` what is behind its article."""
    noun = _ARTICLE.sub("", word)
    return (word,) if noun == word else (word, noun)


def _words(plain: str) -> list[str]:
    return [word.casefold() for found in _WORD.findall(plain) for word in _with_noun(found)]


def _of_latin(plain: str, default: str) -> str:
    own = base(default)
    without = _FRENCH_NAME.sub("M", plain)  # a letter, as signs stand behind one
    if own != "fr" and not _count("fr", _words(without), without, own):
        plain = without
    words = _words(plain)
    counts = {language: _count(language, words, plain, own) for language in {**_WORDS, **_OWN_SIGNS}}
    best = max(counts, key=lambda language: counts[language])
    enough = counts[best] >= 2 or len(words) <= 2
    return best if enough and counts[best] > counts.get(own, 0) else default


def _count(language: str, words: list[str], plain: str, own: str) -> int:
    """Return how many words and signs are of a language; what others have too counts beside its own ones only."""
    found = [word for word in words if word in _WORDS.get(language, ())]
    signs = _different(_OWN_SIGNS, language, plain)
    if language == "fr":
        signs += len(_FRENCH_BEGINNING.findall(plain))
    others = _ENGLISH_TOO | _WORDS.get(own, frozenset()) if language != own else frozenset()
    only_others = signs == 0 and all(len(word) == 1 or word in others for word in found)
    if only_others and (len(found) < CLEAR_LEAD or any(word in _WORDS.get(own, ()) for word in words)):
        return 0
    return len(found) + signs + _different(_BORROWED_LETTERS, language, plain)


def _different(signs: Mapping[str, regex.Pattern[str]], language: str, plain: str) -> int:
    return len({sign.casefold() for sign in signs[language].findall(plain)}) if language in signs else 0
