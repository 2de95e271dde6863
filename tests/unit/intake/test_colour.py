"""A picture looks as it did: the first one of a phone's file, 16 bits as 8, and each profile's colours in sRGB."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms

from services.intake.domain.pictures.media import clean_picture
from tests.unit.intake.world import code_of


def shown(raw: bytes) -> Image.Image:
    return Image.open(io.BytesIO(clean_picture(raw).raw)).convert("RGBA")


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(values: list[list[int]], colour: int, channels: int) -> bytes:
    """A PNG of 16 bits a channel, written by hand: rows of values, ``channels`` of them a pixel."""
    rows = b"".join(b"\0" + struct.pack(f">{len(row)}H", *row) for row in values)
    width = len(values[0]) // channels
    header = struct.pack(">IIBBBBB", width, len(values), 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_phones_picture_with_a_second_one_inside_is_its_first() -> None:
    first, second = Image.new("RGB", (32, 16), (200, 30, 30)), Image.new("RGB", (32, 16), (30, 30, 200))
    raw = saved(first, "MPO", save_all=True, append_images=[second], quality=95)
    assert Image.open(io.BytesIO(raw)).format == "MPO"
    kept = clean_picture(raw)
    red, _green, blue = Image.open(io.BytesIO(kept.raw)).convert("RGB").getpixel((8, 8))  # type: ignore[misc]
    assert kept.media_type == "image/jpeg"
    assert (red > 180, blue < 60) == (True, True)


def test_sixteen_bits_of_grey_become_the_same_ramp() -> None:
    ramp = [[value * 257 for value in range(256)] for _ in range(4)]
    picture = shown(png16(ramp, colour=0, channels=1))
    assert [picture.getpixel((x, 1))[:3] for x in range(256)] == [(x, x, x) for x in range(256)]  # type: ignore[index]


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_in_each_kind_of_png(colour: int, channels: int) -> None:
    """Colour, grey with transparency, colour with transparency: within one step of the eight bits that they mean."""
    pixel = {2: [65_535, 32_896, 257], 4: [32_896, 65_535], 6: [65_535, 32_896, 257, 32_896]}[colour]
    got = shown(png16([pixel * 8 for _ in range(8)], colour, channels)).getpixel((4, 4))
    want = {2: (255, 128, 1, 255), 4: (128, 128, 128, 255), 6: (255, 128, 1, 128)}[colour]
    assert all(abs(one - other) <= 1 for one, other in zip(got, want, strict=True))  # type: ignore[arg-type]


def test_a_profile_is_applied_and_not_only_dropped() -> None:
    raw = saved(Image.new("RGB", (16, 16), (250, 10, 10)), "PNG", icc_profile=_swapped_profile())
    red, green, blue, _ = shown(raw).getpixel((3, 3))  # type: ignore[misc]
    assert green > red
    assert green > blue


def _swapped_profile() -> bytes:
    """The sRGB profile with the colorants of red and green exchanged: what it calls red is green."""
    raw = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", raw[128:132])[0]
    places = {bytes(raw[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    raw[red : red + 4], raw[green : green + 4] = raw[green : green + 4], raw[red : red + 4]
    return bytes(raw)


@pytest.mark.parametrize("profile", [b"", b"nonsense", b"\0" * 200])
def test_a_profile_that_cannot_be_read_harms_nothing(profile: bytes) -> None:
    raw = saved(Image.new("RGB", (16, 16), (250, 10, 10)), "PNG", icc_profile=profile)
    assert shown(raw).getpixel((3, 3)) == (250, 10, 10, 255)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK"])
def test_each_mode_is_read(mode: str) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    grey = Image.new("L", (16, 16), 255).convert(mode)
    pixel = shown(saved(grey, form)).getpixel((5, 5))
    assert all(value >= 250 for value in pixel)  # type: ignore[union-attr]


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_picture_that_moves_is_refused(form: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    raw = saved(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
    assert code_of(lambda: clean_picture(raw)) == "picture.animated"
