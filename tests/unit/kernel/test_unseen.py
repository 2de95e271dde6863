"""What nobody can see is in no rendering: intake, desk and gate by one table, the worker by code of its own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from schemas import unseen
from schemas.events.requests import PlatformContent
from services.intake.domain.text import clean
from services.kernel.authority.visible import unseen_in
from services.kernel.base.errors import BadInput

AT = datetime(2026, 1, 2, tzinfo=UTC)

SPELT = [
    "plain, and\na second line",
    "می‌خواهم",  # Persian: a non-joiner within the word
    "ന്‍",  # a Malayalam chillu
    "👩‍🚒 ❤️‍🔥 1️⃣",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "مرحبا\u200f 2026",  # a mark of direction in a text from right to left
    "葛󠄀城市",
    "ជម្លៀស\u200bភ្លាម",  # Khmer, Thai, Lao, Burmese: where a line may break
    "อพยพ\u200bทันที",
    "ອົບພະຍົບ\u200bທັນທີ",
    "ချက်ချင်း\u200bရွှေ့ပါ",
    "ᠮᠣᠩᠭᠣᠯ\u180eᠠ",
    "ជម្លៀស\u200b ភ្លាម\u200b",  # before a space, at an end, behind a space, beside a sign, a numeral, another script
    "ជម្លៀស \u200bភ្លាម\u200b។\u200b\nម៉ោង\u200b5\u200bព្រឹក",
    "ทันที\u200bsoon (\u200bอพยพ\u200b)!",
    "\u200bทันที",
    "ꪎꪳ\u200bꪎꪳ",  # Tai Viet
    "SMS\u200cها و GPS\u200cهای (۵)\u200cام",  # a Persian ending behind a foreign word
    "Auf\u200clage",  # German words made of two, whose letters no font may draw as one
    "Die „Schiff\u200cfahrt“ (Neu-Auf\u200clage), Dorf\u200cjugend.\nKauf\u200chaus",
]
HIDDEN = [
    "\x1b[8mhidden",
    "a\x9b8m",
    "a\rb",
    "a\u202eb",
    "a\u2066b",
    "a\u200bb",
    "a\u200db",
    "ab\u200e",
    "\u200f\u200f",
    "a\u00adb",
    "a\U000e0041b",
    "🏴\U000e0041b",
    "\ufe0f\ufe0f",
    "a\u2028b",
    "a\ue000b",
    "a\u2800b",
    "a\u115fb",
    "ทันที\u200b\u200bอพยพ",
    "ทันที \u200b soon",
    "ev\u200cacuate",
    "f\u200dlood",
    "f\u200c\u200clood",
    "https://mission.example/f\u200clood",  # another address than the one that one sees
    "of\u200cfice.example",
    "of\u200cfice@mission.example",
    "#f\u200clood @f\u200clood",
    "a\u180eb",
]


def content(text: str) -> PlatformContent:
    return PlatformContent(platform="mastodon", parts=(text,), created_at=AT)


@pytest.mark.parametrize("text", SPELT)
def test_what_spelling_needs_stays(text: str) -> None:
    assert unseen.in_text(text) == ()
    assert unseen.shown(text) == text
    assert unseen_in(content(text)) == ""
    assert clean(text)


@pytest.mark.parametrize("text", HIDDEN, ids=ascii)
def test_what_nobody_sees_is_found_by_both(text: str) -> None:
    assert unseen.in_text(text)
    assert "<U+" in unseen.shown(text)
    assert "U+" in unseen.named(unseen.in_text(text))
    # Where a word is an address only intake, desk and gate see; the worker sees the letters beside.
    assert unseen_in(content(text)).startswith("U+") or regex.search(r"\bo?f\u200c[fl]", text)


def test_a_link_and_the_description_of_a_picture_are_looked_at_too() -> None:
    picture = {"sha256": "0" * 64, "media_type": "image/png", "alt": "a map\u202e"}
    made = PlatformContent.from_value(
        {"platform": "mastodon", "parts": ["x"], "pictures": [picture], "created_at": "2026-01-02T00:00:00Z"}
    )
    assert unseen_in(made) == "U+202E"
    assert unseen_in(content("x").model_copy(update={"link": "https://a.example/\u200b"})) == "U+200B"


@given(
    st.text(
        st.one_of(
            st.sampled_from("a fl@.ع क❤🏴ทភ\n\u200b\u180eᠠ\u200c\u200d\u200e\u200f\ufe0f\U000e0067\U000e007f\x1b"),
            st.characters(),
        )
    )
)
def test_what_intake_takes_passes_gate_and_worker(text: str) -> None:
    """Else a message would be accepted, approved, and held back at the last hop."""
    try:
        cleaned = clean(text)
    except BadInput:
        return
    assert unseen.in_text(cleaned) == ()
    assert unseen_in(content(cleaned)) == ""


@given(st.characters())
def test_each_character_that_the_gate_refuses_alone_is_refused_by_the_worker(character: str) -> None:
    text = f"a{character}b"
    assert bool(unseen.in_text(text)) == bool(unseen_in(content(text)))
