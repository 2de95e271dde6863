"""Text in its final form, and what is refused."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.text import MAX_BYTES, clean
from services.kernel.base.errors import BadInput, OneVoiceError
from tests.unit.intake.world import code_of


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "text.empty"),
        (" \n\u00a0\u3000 ", "text.empty"),
        ("a" * (MAX_BYTES + 1), "text.too_long"),
        ("é" * (MAX_BYTES // 2 + 1), "text.too_long"),
        ("bell \x07", "text.control"),
        ("escape \x1b[31m", "text.control"),
        ("nul \x00", "text.control"),
        ("c1 \x9b", "text.control"),
        ("safe \u202e evil", "text.bidi"),
        ("\u2066isolate\u2069", "text.bidi"),
        ("zero\u200bwidth", "text.hidden"),
        ("soft\u00adhyphen", "text.hidden"),
        ("\ufeffmark", "text.hidden"),
        ("ev\u200dacuate", "text.hidden"),
        ("end \u200d", "text.hidden"),
        ("filler \u3164", "text.hidden"),
        ("tags \U000e0041\U000e0042", "text.hidden"),
        ("selector a\ufe0f\ufe0f", "text.hidden"),
        ("damaged \ufffd", "text.damaged"),
        ("nonchar \ufdd0", "text.damaged"),
        ("logo \uf8ff", "text.private_use"),
        ("z" + "\u0301" * 9, "text.marks"),
        ("half \ud83d here", "text.surrogate"),
    ],
)
def test_refused(raw: str, code: str) -> None:
    """Each kind of text that is refused has its own code."""
    assert code_of(clean, raw) == code


@pytest.mark.parametrize(
    "text",
    [
        "Boil water in zone 3.\nUntil further notice.",
        "Feu éteint à l’école — merci",
        "👩‍🚒 and 🏳️‍🌈 and 1️⃣ and 👍🏽",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f Scotland",
        "می‌خواهم",
        "שלום \u200f(1)",
        "क्षत्रिय, ਪੰਜਾਬੀ, Halq̓eméylem, xʷməθkʷəy̓əm",
        "紧急通知：请立即撤离。",
    ],
)
def test_languages_and_emoji_pass_unchanged(text: str) -> None:
    """What people in Mission write passes as it is (composed)."""
    assert clean(text) == unicodedata.normalize("NFC", text)


def test_the_error_names_character_and_place() -> None:
    """A person can find the character that is refused."""
    with pytest.raises(BadInput) as caught:
        clean("line one\nab\u202ec", "variant for mastodon")
    assert "variant for mastodon" in caught.value.message
    assert "U+202E RIGHT-TO-LEFT OVERRIDE" in caught.value.message
    assert "character 12 (line 2)" in caught.value.message


def test_line_ends_composition_and_outer_space() -> None:
    """CRLF, CR and Word's line break become line feeds, a tab a space, marks are composed, outer white space goes."""
    assert clean(" \r\nCafe\u0301\r\nopen\rnow\u2028end\n ") == "Café\nopen\nnow\nend"
    assert clean("\t1.\tBring water\v2.\tGo\x85Now\fEnd\t") == "1. Bring water\n2. Go\nNow\n\nEnd"


def test_text_of_exactly_the_limit_passes() -> None:
    """The limit itself is taken."""
    assert len(clean("a" * MAX_BYTES)) == MAX_BYTES


@given(st.text(st.characters(), max_size=200))
def test_only_known_errors_and_a_fixed_point(raw: str) -> None:
    """Any text is refused with a known error, or comes out in a form that stays as it is."""
    try:
        cleaned = clean(raw)
    except OneVoiceError as error:
        assert error.code.startswith("text.")  # noqa: PT017 - either end is right
    else:
        assert clean(cleaned) == cleaned
        assert unicodedata.is_normalized("NFC", cleaned)
        assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in cleaned if c != "\n")


@pytest.mark.parametrize(
    "text",
    [
        "അവന്\u200d വന്നു", "അവന്\u200d.", "ന്\u200d", "می\u200c رود", "خانه\u200cها", "ه\u200d", "क्\u200d ष",
        "ශ්\u200dරී ලංකා",
        "কর্\u200d ",
    ],
)  # fmt: skip
def test_joiners_that_a_script_spells_with_are_taken(text: str) -> None:
    """A Malayalam chillu and a Persian verb's prefix end with one, before a space or a full stop, too."""
    assert clean(text) == unicodedata.normalize("NFC", text).strip()


@pytest.mark.parametrize("text", ["a\u200d b", "é\u200d e", "\u200dab", "a \u200c b", "می\u200c\u200cرود", "漢\u200d "])
def test_joiners_that_shape_nothing_are_refused(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        clean(text)
    assert caught.value.code == "text.hidden"
