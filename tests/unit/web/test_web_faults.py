"""Faults on the pages: each that a page can meet is said in French too, with what to do there, and at its field."""

from __future__ import annotations

import ast
import re
import tomllib
from itertools import product
from pathlib import Path

import pytest

from services.kernel.base.errors import BadInput
from services.web.domain.sentences import Sentence, as_sentence
from services.web.faults import FIELDS, FOLDER, Faults
from services.web.render import HERE

ROOT = HERE.parents[1]
RAISED = {"BadInput", "Refused", "Unreachable"}
TIMES = {f"{one}.{code}" for one, code in product(("at", "expires", "next-update"), ("malformed", "past", "zone"))}
SAID_BY_THE_PAGES = {"web.foreign", "web.bug", "web.form", "request.changed", "confirm.needed", "order.past"} | {
    "screening.unacknowledged",
    "outside.changed",
    "resolution.receipt",
    "draft.changed",
    "push.unreachable",
    "picture.missing",
    "picture.size",
    "picture.many",
    "picture.alt",
    "answers.invalid",
    "answers.profile",
    "consult.until",
    "consult.many",
}
"""What a page says from its own catalogue, which is whole in each language."""

NOT_ON_A_PAGE = re.compile(
    r"input\.too_large|(revision|event|sender|tracing|platform|variant|approval|submission)\..*|about\.targets|picture\.id|time\.future"
)
"""What systems and the command meet, and a city that is not set up."""


def codes_in(folder: Path) -> set[str]:
    """The codes that the modules of a folder raise, where they stand as they are."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in RAISED and node.args:
                code = node.args[0]
                found |= {str(code.value)} if isinstance(code, ast.Constant) else set()
    return found


def test_each_fault_that_a_page_meets_is_said_in_french() -> None:
    known = tomllib.loads((FOLDER / "fr.toml").read_text())
    raised = codes_in(ROOT / "services" / "web") | codes_in(ROOT / "services" / "intake") | TIMES | set(FIELDS)
    raised = {one for one in raised if not NOT_ON_A_PAGE.fullmatch(one)} - SAID_BY_THE_PAGES
    assert raised - known["said"].keys() == set()
    assert known["said"].keys() == known["hint"].keys()
    assert len(raised) > 60


def test_nobody_at_a_page_is_told_to_give_a_command() -> None:
    """Where a service's hint is a command the pages have an advice of their own."""
    known = tomllib.loads((FOLDER / "en.toml").read_text())
    assert set(known) == {"hint"}
    assert not [text for text in known["hint"].values() if re.search(r"onevoice|--\w", text)]
    french = tomllib.loads((FOLDER / "fr.toml").read_text())
    assert known["hint"].keys() <= french["hint"].keys()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_each_text_is_a_whole_sentence(language: str) -> None:
    known = tomllib.loads((FOLDER / f"{language}.toml").read_text())
    for code, text in ((code, text) for group in known.values() for code, text in group.items()):
        assert re.fullmatch(r"[A-ZÀÉÊ].*(?:[.!?]|https://\.\.\.)", text), (code, text)


def test_a_fault_is_said_in_the_pages_language_with_what_the_service_said() -> None:
    error = BadInput("picture.type", "the file is a GIF; JPEG, PNG and WebP pictures are taken", "save it as JPEG")
    english, french, punjabi = (Faults(one).of(error) for one in ("en", "fr", "pa"))
    assert (english.said, english.hint, english.detail) == (
        "The file is a GIF; JPEG, PNG and WebP pictures are taken.",
        "Save it as JPEG.",
        "",
    )
    assert french.said == "Le fichier n’est pas une image JPEG, PNG ou WebP."
    assert isinstance(french.said, Sentence)
    assert isinstance(french.hint, Sentence)
    assert french.detail == english.said
    assert punjabi == english


def test_what_only_the_service_can_say_stays_english_and_a_pages_own_words_stay() -> None:
    odd = Faults("fr").of(BadInput("odd.code", "pio holds nothing", "onevoice doctor"))
    assert (odd.said, odd.hint, odd.detail, odd.field) == ("pio holds nothing.", "onevoice doctor", "", "")
    assert not isinstance(odd.said, Sentence)
    own = Faults("fr").of(BadInput("url.invalid", Sentence("l’adresse n’en est pas une"), Sentence("Copiez-la.")))
    assert (own.said, own.hint, own.field) == ("L’adresse n’en est pas une.", "Copiez-la.", "url")


def test_a_fault_of_any_signature_is_said_alike() -> None:
    for kind in ("approval", "order", "resolution", "acknowledgement"):
        said = Faults("fr").of(BadInput(f"{kind}.signature", "it is not signed", "onevoice keys list"))
        assert said.said == "La signature n’est pas valable."
        assert "onevoice" not in Faults("en").of(BadInput(f"{kind}.signature", "x", "onevoice keys list")).hint


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("there is nothing to say", "There is nothing to say."),
        ("fire-townsquare is on no profile", "fire-townsquare is on no profile."),
        ("Why?", "Why?"),
        ("", ""),
    ],
)
def test_words_become_a_sentence(text: str, sentence: str) -> None:
    assert as_sentence(text) == sentence
