"""Pictures as Meta takes them."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from services.fanout.connectors.meta.pictures import Frame, fitted

INSTAGRAM = Frame(narrow=0.8, broad=1.91)


def picture(wide: int, high: int, mode: str = "RGB", form: str = "PNG") -> bytes:
    out = io.BytesIO()
    image = Image.new(mode, (wide, high), (10, 20, 30, 0)[: len(mode)] if mode != "L" else 10)
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    image.save(out, form, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize(
    ("wide", "high"), [(1, 1), (4_000, 300), (300, 4_000), (320, 320), (1_440, 1_440), (1_441, 700), (1_080, 1_350)]
)
def test_each_picture_fits_the_frame_and_nothing_is_cut_off(wide: int, high: int) -> None:
    image = Image.open(io.BytesIO(fitted(picture(wide, high), INSTAGRAM)))
    assert image.format == "JPEG"
    assert 320 <= image.width <= 1_440
    assert 0.795 <= image.width / image.height <= 1.915
    assert not image.getexif()
    centre = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(centre, tuple)
    assert sum(centre) < 120, "the picture itself is in the middle"


def test_what_is_transparent_is_white() -> None:
    image = Image.open(io.BytesIO(fitted(picture(400, 400, "RGBA"), INSTAGRAM)))
    assert image.getpixel((200, 200)) == (255, 255, 255)


def test_what_fits_already_is_only_encoded_again() -> None:
    assert Image.open(io.BytesIO(fitted(picture(1_080, 1_080), INSTAGRAM))).size == (1_080, 1_080)
