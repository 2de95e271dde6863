"""Pictures are kept without anything but the picture."""

from __future__ import annotations

import io
import os
import struct
import zlib
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from services.intake.domain.pictures import media
from services.intake.domain.pictures.media import clean_picture, media_type_of
from services.kernel.base.errors import BadInput, OneVoiceError
from tests.unit.intake.world import code_of

SECRET = b"SECRET-PLACE"


def encoded(form: str = "PNG", size: tuple[int, int] = (40, 20), mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    image = Image.new(mode, size)
    image.paste("red" if mode != "L" else 90, (0, 0, size[0] // 2, size[1]))
    image.save(out, form, **options)
    return out.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    data = Image.Exif()
    data[0x0112] = orientation
    data[0x010E] = SECRET.decode()
    data.get_ifd(0x8825)[1] = "N"
    data.get_ifd(0x8825)[29] = SECRET.decode()
    return data


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture"),
        (b"\0\0\0\x24ftypmif1\0\0\0\0mif1heic", "a HEIC picture"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "an AVIF picture"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "a video"),
        (b"GIF89a\1\0\1\0", "a GIF"),
        (b"BM\x36\0\0\0", "a BMP picture"),
        (b"II*\0\x08\0\0\0", "a TIFF picture, or a camera's raw one"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"PK\x03\x04\x14\0", "a document or an archive"),
        (b"<?xml version='1.0'?>\n<svg xmlns='x'/>", "an SVG drawing"),
        (b"<!DOCTYPE html><p>404", "a web page"),
        (b"hello", "no JPEG, PNG or WebP picture"),
    ],
)
def test_what_is_no_picture_is_named(raw: bytes, said: str) -> None:
    """By what it holds, whatever its name says: who sent it knows then what to save anew."""
    with pytest.raises(BadInput, match=f"the file is {said}(?:;|$)") as caught:
        clean_picture(raw)
    assert (caught.value.code, "save it as" in caught.value.hint) == ("picture.type", True)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_exif_place_and_comments_are_gone(form: str) -> None:
    """Nothing of the metadata is left in the bytes, and the picture is still one of its kind."""
    notes = PngInfo()
    notes.add_text("Comment", SECRET.decode())
    extras: dict[str, dict[str, Any]] = {
        "JPEG": {"comment": SECRET},
        "PNG": {"pnginfo": notes},
        "WEBP": {"xmp": SECRET},
    }
    raw = encoded(form, exif=exif(), icc_profile=SECRET, **extras[form])
    assert SECRET in raw
    kept = clean_picture(raw)
    assert SECRET not in kept.raw
    with Image.open(io.BytesIO(kept.raw)) as image:
        assert image.format == form
        assert not image.getexif()
        assert not {"exif", "icc_profile", "comment", "xmp"} & set(image.info)
    assert media_type_of(kept.raw) == kept.media_type == f"image/{form.lower()}"
    assert (kept.width, kept.height) == (40, 20)


def test_a_picture_is_turned_upright_before_its_exif_goes() -> None:
    """Orientation 6 is a quarter turn: the sides change places."""
    kept = clean_picture(encoded("JPEG", exif=exif(6)))
    assert (kept.width, kept.height) == (20, 40)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "I;16"])
def test_other_modes(mode: str) -> None:
    """Any still picture of the three kinds is taken; transparency is kept."""
    out = io.BytesIO()
    Image.new(mode, (8, 8)).save(out, "PNG")
    with Image.open(io.BytesIO(clean_picture(out.getvalue()).raw)) as image:
        assert image.mode == ("RGBA" if mode in ("RGBA", "LA") else "RGB")


@pytest.mark.parametrize(
    ("bits", "row", "clear"), [(2, b"\x1b\x1b", 1), (4, b"\x01\x23\x45\x67", 3), (8, bytes(range(8)), 5)]
)
def test_the_transparent_grey_of_a_small_depth(bits: int, row: bytes, clear: int) -> None:
    """tRNS names a sample of the picture's own depth (PNG, 11.3.2.1)."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 1, bits, 0, 0, 0, 0)) + chunk(b"tRNS", struct.pack(">H", clear))
    raw = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    samples = [sample >> shift & (2**bits - 1) for sample in row for shift in range(8 - bits, -1, -bits)]
    with Image.open(io.BytesIO(clean_picture(raw).raw)) as image:
        alpha = image.convert("RGBA").getchannel("A").tobytes()
    assert [value == 0 for value in alpha] == [sample == clear for sample in samples]


@pytest.mark.parametrize("clear", [0, 255, 256, 0x8080, 65_535])
def test_the_transparent_grey_of_sixteen_bits(clear: int) -> None:
    samples = (0, 255 * 257, 0x8080, 255, 256, 65_000, 10_000, 5)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 1, 16, 0, 0, 0, 0)) + chunk(b"tRNS", struct.pack(">H", clear))
    data = chunk(b"IDAT", zlib.compress(b"\0" + struct.pack(">8H", *samples)))
    raw = b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b"")
    with Image.open(io.BytesIO(clean_picture(raw).raw)) as image:
        alpha = image.convert("RGBA").getchannel("A").tobytes()
    assert alpha[samples.index(clear)] == 0
    assert [value == 0 for value in alpha] == [round(sample / 257) == round(clear / 257) for sample in samples]


def test_a_large_picture_is_made_smaller() -> None:
    kept = clean_picture(encoded(size=(5_000, 500)))
    assert (kept.width, kept.height) == (media.SIDES[0], 410)


def test_a_noisy_picture_is_packed_tighter() -> None:
    """What would be over 1 MB as it is comes out as a kind that is smaller."""
    side = 1_000
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(3 * side * side)).save(out, "PNG", compress_level=0)
    assert media.MAX_OUT < out.tell() < media.MAX_IN
    kept = clean_picture(out.getvalue())
    assert len(kept.raw) <= media.MAX_OUT
    assert kept.media_type == "image/jpeg"
    assert (kept.width, kept.height) == (side, side)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_picture_that_is_too_large_however_it_is_packed_becomes_smaller(mode: str) -> None:
    """Noise, which nothing packs: the shape stays, and the bytes are what every platform takes."""
    size = (1_500, 1_300) if mode == "RGBA" else (1_800, 1_450)
    out = io.BytesIO()
    noise = Image.frombytes("RGB", size, os.urandom(3 * size[0] * size[1]))
    if mode == "RGBA":
        noise.putalpha(120)
    noise.save(out, "PNG", compress_level=0)
    assert out.tell() < media.MAX_IN
    kept = clean_picture(out.getvalue())
    assert len(kept.raw) <= media.MAX_OUT
    assert kept.width in media.SIDES
    assert abs(kept.width / kept.height - size[0] / size[1]) < 0.01


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims a size."""

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def animated() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    return out.getvalue()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "picture.empty"),
        (b"x" * (media.MAX_IN + 1), "picture.too_large"),
        (b"GIF89a" + b"\0" * 50, "picture.type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "picture.type"),
        (b"%PDF-1.7", "picture.type"),
        (png_of(60_000, 60_000), "picture.too_many_pixels"),
        (png_of(8_000, 8_000), "picture.too_many_pixels"),
        (png_of(10_000, 10_000), "picture.too_many_pixels"),
        (png_of(100, 100), "picture.broken"),
        (encoded("JPEG")[:200], "picture.broken"),
        (animated(), "picture.animated"),
    ],
)
def test_refused(raw: bytes, code: str) -> None:
    assert code_of(clean_picture, raw) == code


def outcome(raw: bytes) -> str:
    try:
        return "picture" if clean_picture(raw).width else "nothing"
    except OneVoiceError as error:
        return error.code


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_damage_anywhere_is_a_known_error_or_harmless(form: str) -> None:
    """Each byte changed in turn: a picture, or one clear error."""
    raw = encoded(form)
    for index in range(0, len(raw), 3):
        damaged = raw[:index] + bytes([raw[index] ^ 0xFF]) + raw[index + 1 :]
        assert outcome(damaged).startswith("picture")
