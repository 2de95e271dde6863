"""The catalogue and the templates: each text that is asked for is there, each that is there is asked for."""

from __future__ import annotations

import re
import unicodedata
from itertools import product

import pytest

from schemas.events.control import Posture
from services.desk.views.message import advice
from services.kernel.base.clock import SystemClock
from services.web.domain.language import LANGUAGES, PREPARED, asked_language
from services.web.domain.sentences import Sentence
from services.web.faults import Faults
from services.web.render import HERE, Texts, catalogue, reasons_of, sentences_of

_ASKED = re.compile(r"""\bt(?:\.raw)?\(\s*['"]([a-z_.]+)['"]\s*[,)]""")
_EITHER = re.compile(r"""['"]((?:state|sessions)\.[a-z_]+)['"] if""")
_CODE = re.compile(r"""(?:texts\(|say\(request,|self\()\s*['"]([a-z0-9_.]+)['"]""")
_GROUPS = re.compile(r"""(?:word|one_of)\(\s*"([a-z_]+)",""")
_JOINED = re.compile(r"""t\((\w+) ~ ["'](\.[a-z]+)["']\)""")


def sources() -> str:
    """All templates and modules of the pages."""
    files = [*HERE.glob("templates/*.html"), *HERE.rglob("*.py")]
    return "\n".join(path.read_text() for path in files)


def test_each_text_that_is_asked_for_is_in_the_catalogue_and_no_other() -> None:
    text = sources()
    asked = {*_ASKED.findall(text), *_EITHER.findall(text), *_CODE.findall(text)}
    main = re.search(r'in \[\("inbox".*?\)\]', text)
    assert main is not None
    asked |= {f"nav.{name}" for name in re.findall(r'\("(\w+)", "/', main[0])}
    asked |= set(re.findall(r'else "((?:state|sessions)\.[a-z_]+)"', text))
    nav = re.search(r'for name in \["messages".*?\]', text)
    assert nav is not None
    asked |= {f"nav.{name}" for name in re.findall(r'"(\w+)"', nav[0])}
    asked |= {f"{verb}{rest}" for verb in ("reject", "withdraw", "return") for _, rest in _JOINED.findall(text)}
    asked |= {"refused.host", "refused.plain"} | {f"needs.{one}" for one in ("all", "eoc", "crisis", "routine")}
    known = set(Texts()._sentences)
    groups = {*_GROUPS.findall(text), "http"}
    assert asked - known == set()
    assert {key for key in known - asked if key.partition(".")[0] not in groups} == set()


def test_each_catalogue_has_the_same_texts() -> None:
    known = sentences_of("en")
    assert {path.stem for path in HERE.glob("texts/*.toml")} == {*LANGUAGES, *PREPARED}
    places = re.compile(r"\{\w+\}")
    for language in (*LANGUAGES, *PREPARED):
        own = sentences_of(language)
        assert own.keys() <= known.keys()
        assert language in PREPARED or own.keys() == known.keys()
        for key, sentence in own.items():
            assert set(places.findall(sentence)) == set(places.findall(known[key])), (language, key)


def test_a_catalogue_that_is_prepared_says_in_english_what_it_lacks_and_is_offered_to_nobody() -> None:
    prepared, english = Texts("pa"), Texts("en")
    assert prepared("nav.messages") != english("nav.messages")
    assert "health.more" not in sentences_of("pa")
    assert prepared("health.more") == english("health.more")
    assert asked_language("pa") == "en"
    assert not {*PREPARED} & {*LANGUAGES}


def test_punjabi_is_in_its_own_letters() -> None:
    """Gurmukhi and the danda, which any font for Punjabi has; what is Latin is a name, a format or a place to fill."""
    own = sentences_of("pa")
    for key, text in own.items():
        letters = re.sub(r"\{\w+\}|EOC|JavaScript|JPEG|PNG|WebP", "", text)
        assert re.fullmatch(r"[\u0a00-\u0a7f\u0964\u200d 0-9.,:;?!()/’]*", letters), (key, letters)
        assert unicodedata.normalize("NFC", text) == text, key
    assert len(own) > 160


def syllables(word: str) -> int:
    """About how many syllables a word has: groups of vowels, without a silent e."""
    word = word.lower()
    groups = len(re.findall(r"[aeiouy]+", word))
    return max(1, groups - (word.endswith("e") and not word.endswith(("le", "ee")) and groups > 1))


def grade(sentences: list[str]) -> float:
    """The Flesch-Kincaid grade of some sentences: in which year of school they can be read."""
    words = [word for one in sentences for word in re.findall(r"[A-Za-z’']+", one)]
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


def test_the_english_can_be_read_at_grade_8() -> None:
    """By the group, and in all; no sentence is longer than 25 words."""
    said: dict[str, list[str]] = {}
    for key, text in sentences_of("en").items():
        plain = re.sub(r"\{\w+\}", "it", text)
        found = [one for one in re.split(r"(?<=[.!?:;])\s", plain) if len(one.split()) >= 4]
        said.setdefault(key.partition(".")[0], []).extend(found)
    said["faults"] = [
        one for text in Faults("en")._english["hint"].values() for one in re.split(r"(?<=[.!?:;])\s", text)
    ]
    every = [one for found in said.values() for one in found]
    assert grade(every) <= 6
    assert {name: grade(found) for name, found in said.items() if len(found) >= 3 and grade(found) > 8} == {}
    assert [one for one in every if len(one.split()) > 25] == []
    assert grade(["Notwithstanding institutional considerations, dissemination necessitates authorization."]) > 8


def test_the_english_catalogue_says_posture_and_reach_as_the_command_does() -> None:
    texts = Texts("en")
    assert {one: texts.one_of("posture", one.value) for one in Posture} == advice.POSTURE_NAMES
    for count, scope in ((1, "profiles"), (2, "profiles"), (26, "all-departments")):
        assert texts.reach(count, scope) == advice.reach(count, scope)
    for posture, scope, crisis in product(Posture, ("profiles", "all-departments"), (False, True)):
        assert texts.needs(posture, scope, crisis) == advice.needs(posture, scope, crisis)


def test_french_is_set_as_french_is() -> None:
    """No line begins with a mark; apostrophes and quotation marks are those of print."""
    own = {**sentences_of("fr"), **{code: str(text) for code, text in _faults("fr").items()}}
    assert own["people.asked"].count("\u00a0;") == 1
    for key, text in own.items():
        assert not re.search(r" [:;?!»]|« |'|\"", text), (key, text)
        assert not re.search(r"(?<!https)(?<!\d)(?<![\u00a0])[;?!](?!\S)", text), (key, text)


def _faults(language: str) -> dict[str, str]:
    found = Faults(language)._own
    return {f"{group}.{code}": text for group in found for code, text in found[group].items()}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("en-CA,fr;q=0.9", "en"),
        ("pa,fr;q=0.5,en;q=0.4", "fr"),
        ("FR ; q=0.3", "fr"),
        ("fr;q=0, *;q=0.1", "en"),
        ("fr;q=nonsense;;,=,", "en"),
        ("fr;q=nan", "en"),
        ("de", "en"),
    ],
)
def test_the_first_language_is_what_the_browser_asks_for(header: str, language: str) -> None:
    assert asked_language(header) == language


def test_what_a_service_says_in_english_is_marked_as_english() -> None:
    told = {one: catalogue(one, SystemClock()).templates.filters["told"] for one in LANGUAGES}
    assert told["en"]("no <such> profile") == "no <such> profile"
    assert told["fr"]("no <such> profile") == '<span lang="en">no &lt;such&gt; profile</span>'
    assert told["fr"](Sentence("rien")) == "rien"


def _made(folder: str) -> set[tuple[str, str]]:
    """The clauses, by the outcome that holds a message back, and the codes of screening that modules make."""
    made = set[tuple[str, str]]()
    for path in (HERE.parent / folder).rglob("*.py"):
        text = path.read_text()
        clause = re.search(r'^CLAUSE = "(.+)"$', text, re.MULTILINE)
        if clause:
            made |= {(kind, clause[1]) for kind in ("blocked", "refused") if re.search(rf"\b{kind}\(\s*CLAUSE", text)}
        made |= {("screening", code) for code in re.findall(r'\bcode="([a-z-]+)"', text)}
        hits = re.findall(r'Hit\("([a-z]+)"', text) + re.findall(r'_WORD, "([a-z]+)"', text)
        made |= {("screening", code) for code in hits}
    return made


def test_each_reason_that_holds_a_message_back_is_said_in_french_before_the_services_own_words() -> None:
    made = _made("gatekeeper/policy") | _made("intake/domain/findings")
    said = {(kind, code) for kind, group in reasons_of("fr").items() for code in group}
    assert made == said
    assert len(made) > 30
    assert all(re.fullmatch(r"[A-ZÀÉÊ].*\.", text) for group in reasons_of("fr").values() for text in group.values())
    assert reasons_of("en") == {}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_services_own_words_stay_and_are_marked_as_english(language: str) -> None:
    part = catalogue(language, SystemClock()).templates.from_string(
        '{% import "parts.html" as parts with context %}{{ parts.reason("blocked", clause, said) }}'
    )
    said = "The stop button is on: nothing is posted until cao takes the hold off."
    known = part.render(clause="setting: hold", said=said).strip()
    unknown = part.render(clause="a clause of later", said=said).strip()
    marked = f'<span lang="en">{said}</span>'
    if language == "en":
        assert known == unknown == said
    else:
        assert known.startswith("Le bouton d’arrêt est enclenché")
        assert known.endswith(f"{marked}</span>")
        assert unknown == marked
