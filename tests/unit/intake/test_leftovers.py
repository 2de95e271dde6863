"""What another system left in a text is found and named; what a city writes is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.platforms import LIMITS
from services.intake.domain.findings.leftovers import find
from services.intake.domain.findings.screening import ScreeningRules, screen
from services.intake.domain.rendering import render
from tests.unit.intake.world import SITE, city, draft


@pytest.mark.parametrize(
    ("text", "passages"),
    [
        ("Road &amp; bridge closed<br>at Nelson &#8211; now", ["<br>", "&amp;", "&#8211;"]),
        ('<p class="lead">Leave now.</p>', ['<p class="lead">', "</p>"]),
        ("Caf&eacute; &#xE9; &nbsp;", ["&eacute;", "&#xE9;", "&nbsp;"]),
        ("Ã‰vacuation CafÃ©", ["Ã‰vacuation", "CafÃ©"]),
        ("Donâ€™t go, 5 Â°C, cÅ“ur", ["Donâ€™t", "Â°C", "cÅ“ur"]),
        ("Leave n\ufffdw ðŸ”¥", ["n\ufffdw", "ðŸ"]),
        ("Road closed\\nAvoid area", ["\\n"]),
        ("Caf\\u00e9 \\x41 \\t", ["\\u00e9", "\\x41", "\\t"]),
        ("Leave {area} by {{ time }}, ${name}, %(day)s", ["{area}", "{{ time }}", "${name}", "%(day)s"]),
        ("More: [INSERT LINK] or [insert the time], [TBD]", ["[INSERT LINK]", "[insert the time]", "[TBD]"]),
        ("<INSERT AREA> at [STREET NAME], [XX]", ["<INSERT AREA>", "[STREET NAME]", "[XX]"]),
    ],
)
def test_what_another_system_left_is_found(text: str, passages: list[str]) -> None:
    assert [one.passage for one in find(text)] == passages


@pytest.mark.parametrize(
    "text",
    [
        "Road & bridge closed; leave now. R&D; B&B; water < 5 m > 3 m, 1 <b 2",
        "Évacuation à l’aréna : café « Noël » à 5 °C, 20 €. SÃO PAULO, “AMANHÃ”, Ångström, CHÂTEAU",
        "Leave now <3, see https://mission.example/?a=1&b=2;c",
        "[UPDATE] [EXERCISE] [1 of 3] {} ¯\\_(ツ)_/¯ AND/OR, 50 %, Hall [east door]",
        "ਹੜ੍ਹ ਦੀ ਚੇਤਾਵਨੀ 請勿靠近河岸！ Hãy sơ tán",
        "Date: Friday. Link: mission.example. Insert coins at the meter.",
    ],
)
def test_what_a_city_writes_is_left_alone(text: str) -> None:
    assert not list(find(text))


def test_screening_names_the_passage_in_each_text() -> None:
    """The officer sees where, and can acknowledge it."""
    made = draft(text=f"Leave {{area}} now. {SITE}", variants={"mastodon": f"Road &amp; bridge closed. {SITE}"})
    found = screen(made, render(made, LIMITS), ScreeningRules(SITE), dict.fromkeys(city().profiles, ""))
    said = [(one.where, one.reason) for one in found if one.code == "leftover"]
    assert said == [
        ("text: {area}", "it looks like a placeholder that nobody filled in"),
        ("variant for mastodon: &amp;", "it looks like an HTML entity that another system left there"),
    ]


def test_no_number_stands_whole_in_what_is_quoted() -> None:
    quoted = "".join(one.passage for one in find('<a href="tel:604-555-0142"> {phone 604 555 0142} [your 6045550142]'))
    assert "604" not in quoted
    assert "0142" not in quoted


@given(st.text(max_size=120))
def test_any_text_can_be_looked_through(text: str) -> None:
    assert all(one.passage for one in find(text))
