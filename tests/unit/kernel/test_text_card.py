"""Pictures of a text: readable, the same each time, and refused where letters would be missing."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageColor

from schemas import canonical
from services.kernel.base.text_card import HEIGHT, INK, PAPER, SIZES, WIDTH, CannotDraw, card_picture, text_card

TEXT = "EVACUATE NOW: Hatzic Prairie.\n\nLeave by Dewdney Trunk Road.\n\nhttps://mission.example/evacuate"


def _luminance(colour: str) -> float:
    def linear(value: int) -> float:
        part = value / 255
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(value) for value in ImageColor.getrgb(colour)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_contrast_is_more_than_the_strictest_rule_asks_for() -> None:
    """WCAG 2.2, 1.4.6: 7 to 1."""
    assert (_luminance(PAPER) + 0.05) / (_luminance(INK) + 0.05) > 15


def test_the_same_text_is_the_same_picture_and_its_description_the_same_words() -> None:
    card = text_card(TEXT)
    assert card == text_card(TEXT)
    picture = card_picture(TEXT, card)
    assert (picture.alt, picture.sha256, picture.media_type) == (TEXT, canonical.sha256(card), "image/jpeg")
    image = Image.open(io.BytesIO(card))
    assert (image.format, image.size, dict(image.getexif())) == ("JPEG", (WIDTH, HEIGHT), {})
    assert text_card(TEXT + "!") != card


def test_nothing_touches_the_edge_however_long_the_text_is() -> None:
    """The margin stays white: no line runs out of the picture."""
    for text in ("Go.", "word " * 199, "https://mission.example/" + "a" * 400):
        image = Image.open(io.BytesIO(text_card(text))).convert("L")
        edges = [(0, 0, WIDTH, 40), (0, HEIGHT - 40, WIDTH, HEIGHT), (0, 0, 40, HEIGHT), (WIDTH - 40, 0, WIDTH, HEIGHT)]
        assert all(min(image.crop(edge).tobytes()) > 240 for edge in edges)
        assert min(image.tobytes()) < 60


@pytest.mark.parametrize("text", ["Évacuez Việt-Nam x̲wə́y̓qʷəl ⚠", "Покиньте дом", "“quoted” – … ’"])
def test_letters_of_many_languages_are_drawn(text: str) -> None:
    assert text_card(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [("ਪ", "no 'ਪ'"), ("水", "no '水'"), ("🔥", "no '🔥'"), ("word " * 900, "too long"), ("W" * 99, "too long")],
)
def test_what_people_could_not_read_is_refused(text: str, why: str) -> None:
    with pytest.raises(CannotDraw, match=why):
        text_card(text)


def test_letters_are_never_smaller_than_people_can_read() -> None:
    assert min(SIZES) >= 36
