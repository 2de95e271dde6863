"""The pure parts of the websites: words, escaping, feeds, and the contrast of their colours."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.resources import files
from xml.etree import ElementTree as Xml

import pytest

from schemas.events.requests import PlatformContent
from services.fanout.connectors.website.feeds import Feed, atom
from services.fanout.connectors.website.state import Message, MessagePlace
from services.fanout.connectors.website.views import title_of, to_html, view_of
from services.townsquare.entities import to_html as townsquare_html

NOW = datetime(2026, 1, 31, 14, tzinfo=UTC)


def message(text: str, *names: str) -> Message:
    places = {
        f"{name}-website": MessagePlace(
            here=True, profile=f"{name}-website", department=name, platform="website", revision=1, listed_at=NOW
        )
        for name in names
    }
    content = PlatformContent(platform="website", parts=(text,), created_at=NOW)
    return Message(
        request_id="r1",
        revision=1,
        content=content,
        content_sha256="0" * 64,
        listed_at=NOW,
        changed_at=NOW,
        places=places,
    )


@pytest.mark.parametrize("render", [to_html, townsquare_html])
@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a\nb\n\nc", "<p>a<br>b</p><p>c</p>"),
        ("<b>&\"'", "<p>&lt;b&gt;&amp;&#34;&#39;</p>"),
        ("See https://a.example/x?b=1&c=2.", "https://a.example/x?b=1&amp;c=2</a>.</p>"),
        ("javascript:alert(1)", "<p>javascript:alert(1)</p>"),
        ('https://a.example/"onclick="x', "https://a.example/</a>&#34;onclick=&#34;x</p>"),
    ],
)
def test_text_becomes_paragraphs_and_links_and_nothing_else(render, text: str, html: str) -> None:  # type: ignore[no-untyped-def]
    made = (
        str(render(text))
        .replace("\n", "")
        .replace(' dir="auto"', "")
        .replace("&quot;", "&#34;")
        .replace("&#x27;", "&#39;")
    )
    assert made.endswith(html)
    assert "<script" not in made


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("BC Hydro: انقطاع التيار الكهربائي.", "rtl"),
        ("Mission: هشدار سیل برای همه", "rtl"),
        ("https://mission.example/flood اغلوا الماء", "rtl"),
        ("BC Hydro: הפסקת חשמל בכל העיר", "rtl"),
        ("اغلوا الماء", "auto"),
        ("BC Hydro outage", "auto"),
        ("The word سیل means flood", "auto"),
        ("Écoles fermées", "auto"),
        ("911", "auto"),
    ],
)
def test_a_paragraph_that_only_begins_in_latin_letters_runs_from_right_to_left(text: str, runs: str) -> None:
    """A browser goes by the first letter, and would put the full stop and the order of the parts wrong."""
    assert f'<p dir="{runs}">' in to_html(text)


def test_a_title_is_the_first_line_cut_at_a_word() -> None:
    assert title_of("Flood.\nMore") == "Flood."
    assert title_of("word " * 40).endswith("word…")
    assert len(title_of("x" * 500)) <= 81


@pytest.mark.parametrize(
    ("names", "by"),
    [
        ((), "City of Mission"),
        (("fire",), "Fire"),
        (("fire", "public-works"), "Fire and Public works"),
        (("a", "b", "c"), "A, B and C"),
        (("a", "b", "c", "d", "e"), "A, B and 3 more"),
    ],
)
def test_who_publishes_is_said_in_words(names: tuple[str, ...], by: str) -> None:
    assert view_of(message("x", *names), "City of Mission", UTC).by == by


def test_a_long_message_is_cut_in_lists_only() -> None:
    """The whole is on its own page; a list shows the beginning, and says that there is more."""
    view = view_of(message("word " * 1_000), "City of Mission", UTC)
    assert view.excerpt is not None
    assert len(view.excerpt) < 1_300
    assert view.text == "word " * 1_000


def test_a_feed_with_signs_that_xml_cannot_hold_is_still_xml() -> None:
    """A control character in a text breaks no reader."""
    view = view_of(message("bell \x07 and \ufffe & <tag>", "fire"), "City of Mission", UTC)
    raw = atom(Feed("T", "https://a.example/", "https://a.example", "City", "en-CA", [view], "https://a.example"))
    content = Xml.fromstring(raw).findtext("{http://www.w3.org/2005/Atom}entry/{http://www.w3.org/2005/Atom}content")
    assert content is not None
    assert "&amp; &lt;tag&gt;" in content


# --- colours ----------------------------------------------------------------------------------------------

SHEETS = {
    "website": files("services.fanout.connectors.website").joinpath("static", "site.css").read_text(),
    "townsquare": files("services.townsquare").joinpath("static", "townsquare.css").read_text(),
}
PAIRS = {
    "website": [
        ("ink", "page"), ("ink", "card"), ("soft", "page"), ("soft", "card"), ("accent", "page"), ("accent", "card"),
        ("on-top", "top"), ("on-extreme", "extreme"), ("on-severe", "severe"), ("on-moderate", "moderate"),
        ("on-minor", "minor"), ("on-withdrawn", "withdrawn"),
    ],
    "townsquare": [
        ("ink", "page"), ("ink", "card"), ("soft", "page"), ("soft", "card"), ("accent", "page"), ("accent", "card"),
        ("on-top", "top"), ("ink", "chip"),
    ],
}  # fmt: skip


def colours(sheet: str) -> tuple[dict[str, str], dict[str, str]]:
    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)
    )
    return light, {**light, **dark}


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("site", ["website", "townsquare"])
@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa(site: str, scheme: int) -> None:
    """4.5 to 1 (WCAG 2.2, 1.4.3), in the light and in the dark scheme."""
    values = colours(SHEETS[site])[scheme]
    for front, back in PAIRS[site]:
        dim, bright = sorted((luminance(values[front]), luminance(values[back])))
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, (front, back)


def test_a_cut_divides_no_character_that_people_see() -> None:
    """Families, flags and conjuncts stay whole, also where no word ends."""
    family = "👨\u200d👩\u200d👧"
    assert title_of(family * 100) == family * 80 + "…"
    assert title_of("水" * 100) == "水" * 80 + "…"
    assert title_of("a " + "水" * 100) == "a " + "水" * 78 + "…"
