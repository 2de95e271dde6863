"""The parts of forms: what comes from people is escaped, whichever option it is in, and a field leads to its error."""

from __future__ import annotations

import re

import pytest
from markupsafe import Markup

from services.web.components import component
from services.web.forms import FormParts
from services.web.render import Texts

EVIL = '"><script>alert(1)</script>'
FORMS = FormParts(Texts("en"))
PARTS = {
    "button": FORMS.button(EVIL, more=EVIL, href=EVIL),
    "input": FORMS.input("a", EVIL, hint=EVIL, error=EVIL, value=EVIL, most=60),
    "text": FORMS.text("a", EVIL, hint=EVIL, error=EVIL, value=EVIL),
    "counted": FORMS.text("a", EVIL, hint=EVIL, error=EVIL, value=EVIL, most=500),
    "select": FORMS.select("a", EVIL, [(EVIL, EVIL)], EVIL, hint=EVIL, error=EVIL),
    "radios": FORMS.radios("a", EVIL, [(EVIL, EVIL)], EVIL, hint=EVIL, error=EVIL),
    "tick": FORMS.tick("a", EVIL, EVIL),
    "file": FORMS.file("a", EVIL, EVIL),
    "problem": FORMS.problem(EVIL, EVIL, EVIL, "#a"),
    "warning": FORMS.warning(EVIL),
    "done": FORMS.done(EVIL),
    "details": component("details", summaryHtml=EVIL, html=EVIL),
    "tag": component("tag", html=EVIL, classes=EVIL),
}


@pytest.mark.parametrize("name", PARTS)
def test_whatever_people_wrote_is_escaped(name: str) -> None:
    assert "&lt;script&gt;" in PARTS[name]
    assert "<script" not in PARTS[name]
    assert not re.search(r'="">', PARTS[name])


@pytest.mark.parametrize("name", ["input", "text", "counted"])
def test_what_is_typed_runs_as_its_letters_do(name: str) -> None:
    assert re.search(r'<(input|textarea)[^>]* dir="auto"', PARTS[name])


def test_what_is_marked_as_html_stays_html() -> None:
    assert "<b>so</b>" in FORMS.warning(Markup("<b>so</b>"))


def test_a_field_names_its_hint_and_its_error() -> None:
    field = FORMS.input("at", "When", hint="In the city's time.", error="That is past.")
    assert 'aria-describedby="at-hint at-error"' in field
    assert 'id="at-error"' in field
    assert 'aria-describedby="reason-info' in FORMS.text("reason", "Why", most=500)
    assert 'href="#at"' in FORMS.problem("There is a problem", "That is past.", "", "#at")


def test_one_is_chosen_and_no_other() -> None:
    made = FORMS.radios("level", "Level", [("1", "1"), ("2", "2")], "2")
    assert re.findall(r'id="(level-[12])"[^>]* checked', made) == ["level-2"]
    assert re.findall(r"<option[^>]*selected", FORMS.select("a", "A", [("", "none"), ("x", "X")], "x")) == [
        '<option value="x" selected'
    ]
