"""Vulgar and profane words, also disguised ones (sh1t, f*ck), by the word lists of ``glin-profanity``.

Which list depends on the text's language: "retard" is a delay in French, "bite" a dog's in English. Words inside words
(Scunthorpe) are no hits, nor are names (Hooker Road). The lists are made for chat rooms: what a city writes plainly, as
in "fecal coliforms" or "a pilot car will escort you", is taken off them here.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

PLAIN_WORDS = (
    "sex", "rape", "raping", "rapist", "date rape", "incest", "pedophile", "paedophile", "nude", "nudity",
    "intercourse", "genitals", "semen", "rectum", "anus", "nipple", "nipples", "suck", "sucks", "swastika",
    "escort", "fecal", "hoe", "butt", "snatch", "skeet", "scat", "domination", "swinger", "humping", "grope",
    "hard core", "hardcore", "alaskan pipeline", "jelly donut", "girl on", "how to kill", "how to murder",
    "ejaculation", "bondage", "spunk", "playboy", "strip club", "shrimping", "panty", "panties", "voyeur", "xx",
    "bs", "mf", "neonazi", "suicide girls", "pegging", "simp", "big black", "huge fat", "coon", "coons",
    "barenaked", "santorum", "tainted love", "poof", "negro", "pissing", "dp action", "poon", "cornhole",
    "beaver lips", "missionary position", "snowballing", "busty", "mr hands", "honkey", "twink", "kinky", "vagina",
    "penis", "vulva", "tit for tat", "spic and span", "undressing", "topless", "tied up", "bareback", "sexy",
    "sadism", "bestiality", "voyeurism",
)  # fmt: skip
"""Words of the lists that a city's own messages may need: animals, medicine, policing, traffic, place names."""

FRENCH_PLAIN_WORDS = (
    "retard", "retards", "veuve", "drague", "draguer", "pédale", "gerbe", "gerber", "ramoner", "tanche", "trique",
    "cailler", "bosser", "jouir", "folle", "grande folle", "bander", "chatte", "cul", "gueule", "anal", "péter",
    "bite", "bitte", "con", "cons", "suce", "bourré", "bourrée", "baiser", "tapette", "clitoris", "gerbes",
)  # fmt: skip
"""What is plain in a French text: a delay, a widow, dredging, chimney sweeping, a dead end (cul-de-sac), chili con
carne."""

MORE_WORDS = (
    "damn", "goddamn", "crap", "crappy", "bugger", "whore", "whores", "sluts", "slutty", "dickhead", "twats",
    "dickheads", "bastards", "jackasses", "dumbasses", "cocksuckers", "douchebag", "douchebags", "tossers", "spics",
    "kikes",
)  # fmt: skip
"""Words that the list leaves out and an official profile does not use. Not "retards", "dykes", "chinks" or "prick":
fire retardant retards growth, and a blood test is a finger prick."""

FRENCH_ANYWHERE = (
    "merde", "putain", "salope", "salaud", "connard", "connasse", "enculé", "enculée", "enfoiré", "branleur",
    "couilles", "nique ta mère", "fils de pute", "trou du cul",
)  # fmt: skip
"""French words that mean nothing else in any language."""

ANYWHERE = (
    *FRENCH_ANYWHERE, "puta", "hijo de puta", "hijueputa", "mierda", "cabrón", "cabrones",
    "gilipollas", "pendejo", "chinga", "joder", "coño", "foda-se",
    "caralho", "filho da puta", "scheiße", "scheiß", "scheisse", "arschloch", "wichser", "fotze", "hurensohn",
    "cazzo", "merda", "stronzo", "vaffanculo", "puttana", "figlio di puttana", "kurwa", "pierdolić", "jebać",
    "godverdomme", "klootzak", "putangina", "putang ina", "tangina", "đụ má", "địt mẹ", "блядь", "сука блять",
    "пизда", "хуй", "ебать", "мудак", "chutiya", "bhenchod", "madarchod", "चूतिया", "मादरचोद", "भेनचोद", "ਭੈਣਚੋਦ",
    "ਮਾਦਰਚੋਦ", "kurva anyád", "orospu çocuğu",
    "جنده", "کسکش", "شرموطة",
    "بهنچود",
)  # fmt: skip
"""Words of other languages than English that mean nothing else in any: looked for in every text, also with an ``s``."""

WITHOUT_SPACES = (
    "操你妈", "操你媽", "他妈的", "他媽的", "傻逼", "肏", "屌你", "干你娘", "幹你娘", "冚家鏟",
)  # fmt: skip
"""The same in Chinese, of both ways of writing: no word ends where another begins."""

NAME_WORDS = (
    "fuk",
    "shag",
    "dildo",
    "crotch",
    "faggot",
    "hooker",
    "dick",
    "cock",
    "cocks",
    "knob",
    "quim",
    "bastard",
    "tosser",
    "boner",
    "beaner",
    "dyke",
    "paki",
    "cumming",
    "jackass",
    "joder",
)
"""Words that are also names of people and places: none where they stand as such."""

_ENGLISH_ANYWHERE = (
    r"(?:mother|cluster)?fuck(?:s|ed|ers?|ing|in['’]?|ups?|wits?|heads?|face)?"
    r"|(?:bull|horse|dip)?shit(?:s|ty|ting|heads?|holes?|shows?|storms?|loads?)?"
    r"|cunts?|(?:ass|arse)holes?|bitch(?:es|y|ing)?|niggers?|faggots?|wankers?"
)
"""English words that mean nothing else in any language, with their forms."""
_ANYWHERE = re.compile(
    rf"(?<!\w)(?:{_ENGLISH_ANYWHERE}|(?:{'|'.join(map(re.escape, ANYWHERE))})(?:e?s)?)(?!\w)"
    rf"|{'|'.join(WITHOUT_SPACES)}|(?<!\w)(?:씨발|개새끼)",
    re.IGNORECASE,
)
"""Korean joins its particles to a word, so only its beginning is one."""
_NAMES = "|".join(NAME_WORDS)
_PLACE = (
    r"(?:Road|Rd|Street|St|Avenue|Ave|Drive|Dr|Lane|Ln|Crescent|Cres|Court|Ct|Place|Pl|Way|Trail|Terrace|"
    r"Boulevard|Blvd|Highway|Hwy|"
    r"Close|Gate|Park|Creek|River|Lake|Bay|Island|Mountain|Mount|Hill|Ridge|Bridge|Beach|Point|School|Elementary|Secondary|Hall|"
    r"Arena|Field|Farm|Farms|Slough|Dyke|Valley|Pass|Peak|Spit|Cove|Harbour|Falls)"
)
_TITLE = (
    r"(?:Mr|Mrs|Ms|Mx|Dr|Cst|Const|Constable|Sgt|Cpl|Insp|Capt|Captain|Lt|Chief|Mayor|Coun|Councillor|Councilor|"
    r"Minister|Premier)\.?"
)
_NAMED = re.compile(
    rf"\b(?i:{_NAMES})(?:['’]s)?(?=(?:\s+[A-Z][\w'’-]+)?\s+{_PLACE}\b)"
    rf"|(?<!\w){_TITLE}\s+(?:[A-Z][\w'’-]*\.?\s+)?(?i:{_NAMES})\b"
    rf"|\b(?:{_NAMES.title()})(?:['’]s)?\s+(?:(?:and|&)\s+)?(?=[A-Z][a-z]+(?:\s+[A-Z]|\b))"
    r"|\b(?i:bonners?)\b"
)
"""A name before its street or behind its title, a first name, a firm (Dick's Lumber), and a surname that the lists
take for another word."""


_SPECIES = re.compile(
    r"\b(?:(?:great|black|gr[ae]y|elegant|yellow|varied|ground|coal|marsh) tit"
    r"|(?:blue|coal|marsh|willow|crested|bearded|varied|azure|siberian|sultan|penduline"
    r"|(?:long|green|yellow)-\w+)[ -]tits?"
    r"|bastard[ -](?:toad-?flax|hemp|cabbage|balm|indigo|mahogany|teak|wing|sage|amber|cedar|oak|pennyroyal|saffron"
    r"|speedwell|rocket|agrimony|asphodel|halibut|trumpeter|file|title|saw|mustard|lupine|box|elm|cress)(?:e?s)?"
    r"|pussy[ -](?:willows?|toes|ears|foot|cats?)|(?:asiatic|african|somali|wild|half) ass(?:es)?"
    r"|(?:black|heath|wood|turkey|ball|stop|sill|curb|drain|gauge|pet|weather|bib|corporation)[ -]cocks?"
    r"|cocks?[ -](?:of[ -]the[ -]|pheasants?|robins?|sparrows?)|cock['’]s[ -](?:foot|comb|head)"
    r"|jackass penguins?|laughing jackass(?:es)?|(?:summa |magna )?cum laude|spotted dick|moby[ -]dick)\b"
    r"|(?<=\w)-cum-(?=\w)",
    re.IGNORECASE,
)
"""Birds, plants, fish, fittings and set phrases that are written with a word of the lists, in any case of letters."""
_FRENCH_INSULT = re.compile(
    r"(?<!\w)(?:(?:un|quel|quels|ce|ces|sale|pauvre|gros|vieux|petits?|sombre|espèce de|bande de|tête de|tas de"
    r"|les|des|trop|si|plus|es|est|êtes|sont|suis|fait le|jeu|jeux) |à la )"
    r"(?:gros |sale |pauvre |vieux |petits? )?(cons?)(?![\w-])(?! carne)",
    re.IGNORECASE,
)
"""Where "con" is no Italian or Spanish "with", and no convention."""
_INSIDE_A_WORD = re.compile(r"(?<=[A-Za-z])[\u200b-\u200d]+(?=[A-Za-z])")


def find(text: str, language: str = "en", names: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the words of a text that are vulgar or profane, as they stand there, each once.

    Args:
        text: any text in its final form.
        language: the text's language (ISO 639-1); decides which word is plain.
        names: names of people and places that the city uses, as people write them.
    """
    if not any(character.isalpha() for character in text):
        return ()
    plain = _SPECIES.sub(" ", _NAMED.sub(" ", _INSIDE_A_WORD.sub("", text)))
    for name in names:
        plain = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", plain)
    anywhere = dict.fromkeys(match.group() for match in _ANYWHERE.finditer(plain))
    if language not in ("en", "fr"):
        return tuple(anywhere)
    matches = _filter("fr" if language == "fr" else "en").check_profanity(plain).get("matches") or ()
    insults = [match[1].casefold() for match in _FRENCH_INSULT.finditer(plain)] if language == "fr" else []
    listed = dict.fromkeys([*(str(match["word"]) for match in matches), *insults])
    return (*listed, *(word for word in anywhere if word.casefold() not in listed))


@cache
def _filter(language: str) -> Any:
    # Loaded on first use: the command and the other services need no word lists.
    from glin_profanity import Filter

    french = language == "fr"
    plain = [*PLAIN_WORDS, *(FRENCH_PLAIN_WORDS if french else ())]
    return Filter(
        {
            "languages": ["english", "french"] if french else ["english"],
            "word_boundaries": True,
            "detect_leetspeak": True,
            "leetspeak_level": "moderate",
            "ignore_words": plain,
            "whitelist": plain,
            "custom_words": [*MORE_WORDS, *(() if french else FRENCH_ANYWHERE)],
        }
    )
