"""Cleans pictures: decoded and encoded again, so that nothing but the picture is stored (no EXIF, place or comment).

Pure but for loading Pillow on first use. Bytes in, bytes out; sizes in bytes and pixels.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from services.kernel.base.errors import BadInput

if TYPE_CHECKING:
    from PIL import Image

MAX_IN = 8 * 1024 * 1024
MAX_OUT = 1_000_000
"""What Bluesky takes, the least of all: so each platform gets the very bytes that were approved."""

MAX_PIXELS = 50_000_000
"""Pixels that a picture may claim before any is decoded: a small file may claim billions."""

SIDES = (4_096, 2_560, 1_600, 1_000)
"""Pixels that a picture may be wide or high; the smaller ones where it is too large however it is packed."""

MediaType = Literal["image/jpeg", "image/png", "image/webp"]
_TYPES: dict[str, MediaType] = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


_OTHERS = tuple(
    (re.compile(shape, re.DOTALL), name)
    for shape, name in (
        (rb".{4}ftyp(?:hei[cxms]|hev[cx]|mif1.{4,16}hei)", "a HEIC picture"),
        (rb".{4}ftypavi[fs]", "an AVIF picture"),
        (rb".{4}ftyp", "a video"),
        (rb"GIF8[79]a", "a GIF"),
        (rb"BM", "a BMP picture"),
        (rb"II\*\0|MM\0\*", "a TIFF picture, or a camera's raw one"),
        (rb"%PDF", "a PDF"),
        (rb"PK\x03\x04", "a document or an archive"),
        (rb"(?i)\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,500}?-->\s*)?<svg", "an SVG drawing"),
        (rb"(?i)\s*<(?:!doctype|html|\?xml)", "a web page"),
    )
)
"""What people take for a picture, or what a download gives instead of one, by its first bytes."""


@dataclass(frozen=True)
class CleanPicture:
    """A picture as it is stored."""

    raw: bytes
    media_type: MediaType
    width: int
    height: int


def clean_picture(raw: bytes) -> CleanPicture:
    """Return a picture without its metadata, upright, at most SIDES wide and high and MAX_OUT large.

    Raises:
        BadInput: ``picture.empty``, ``picture.too_large``, ``picture.type``, ``picture.too_many_pixels``,
            ``picture.animated``, ``picture.broken``.
    """
    pixels_of(raw)
    image, kind = _opened(raw)
    if kind != "JPEG" and getattr(image, "n_frames", 1) > 1:
        raise BadInput("picture.animated", "the picture is animated", "take one still picture of it")
    return _encoded(_upright(image), kind, len(raw))


def pixels_of(raw: bytes) -> int:
    """Return how many pixels a picture claims, before any is decoded; raises as ``clean_picture``."""
    if not raw:
        raise BadInput("picture.empty", "the picture has no bytes", "check the file")
    if len(raw) > MAX_IN:
        raise BadInput(
            "picture.too_large", f"the picture has {len(raw)} bytes; at most {MAX_IN} are taken", "make it smaller"
        )
    width, height = _opened(raw)[0].size
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(f"{width} x {height}")
    return int(width * height)


def _opened(raw: bytes) -> tuple[Image.Image, str]:
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(raw), formats=tuple(_TYPES))
    except UnidentifiedImageError as error:
        said, hint = _seen_in(raw)
        raise BadInput("picture.type", f"the file is {said}", hint) from error
    except Image.DecompressionBombError as error:
        raise _too_many_pixels("far too many") from error
    except Exception as error:  # decoders raise whatever a broken file makes them stumble over
        raise _broken(error) from error
    _scale_transparency(image, raw)
    # A phone's JPEG may hold a second picture (its depth, or the other eye's): Pillow calls it MPO and opens the first.
    return image, "JPEG" if image.format == "MPO" else str(image.format)


def _scale_transparency(image: Image.Image, raw: bytes) -> None:
    """Bring the transparent grey of a PNG of 2 or 4 bits to the 8 bits that Pillow decodes its samples to."""
    depth, clear = raw[24:25], image.info.get("transparency")
    if image.format == "PNG" and image.mode == "L" and depth in (b"\x02", b"\x04") and isinstance(clear, int):
        image.info["transparency"] = clear * 255 // (2 ** depth[0] - 1)


def _upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF asks, and return it as plain sRGB, with or without alpha, and nothing else."""
    from PIL import ImageOps

    from services.intake.domain.pictures.colour import to_srgb

    try:
        plain = to_srgb(ImageOps.exif_transpose(image), image.info.get("icc_profile"))
        _shrink(plain, SIDES[0])
    except Exception as error:  # as in _opened
        raise _broken(error) from error
    plain.info = {}
    return plain


def _shrink(image: Image.Image, side: int) -> None:
    from PIL import Image

    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _encoded(image: Image.Image, kind: str, size: int) -> CleanPicture:
    forms = _forms(kind, size, transparent=image.mode == "RGBA")
    for side in SIDES:
        _shrink(image, side)
        for form, options in forms:
            out = io.BytesIO()
            image.save(out, format=form, **options)
            if out.tell() <= MAX_OUT:
                return CleanPicture(out.getvalue(), _TYPES[form], image.width, image.height)
    raise BadInput(
        "picture.too_large",
        f"the picture needs more than {MAX_OUT} bytes even when it is small and packed tightly",
        "use a smaller or plainer picture",
    )


def _forms(kind: str, size: int, *, transparent: bool) -> list[tuple[str, dict[str, Any]]]:
    """Return the ways to encode a picture, best first: its own kind, then smaller ones."""
    form = "WEBP" if transparent else "JPEG"
    smaller: list[tuple[str, dict[str, Any]]] = [(form, {"quality": quality}) for quality in (85, 70)]
    if kind != "PNG":
        return [(kind, {"quality": 90}), *smaller]
    # Without loss it gets no smaller than it came, and trying takes seconds.
    return smaller if size > MAX_OUT else [("PNG", {"compress_level": 6}), *smaller]


def _too_many_pixels(size: str) -> BadInput:
    return BadInput(
        "picture.too_many_pixels",
        f"the picture claims {size} pixels; {MAX_PIXELS // 1_000_000} million are taken",
        "make it smaller",
    )


def _broken(error: Exception) -> BadInput:
    said = f"the picture cannot be decoded ({type(error).__name__}): it is cut off or damaged"
    return BadInput("picture.broken", said, "save it again, or take it from its source again")


def _seen_in(raw: bytes) -> tuple[str, str]:
    """Say what bytes seem to be that are no picture taken here, and what to do about it."""
    for shape, name in _OTHERS:
        if shape.match(raw):
            hint = "save it as JPEG"
            if name == "a HEIC picture":
                hint += "; an iPhone takes JPEG with Settings, Camera, Formats, Most Compatible"
            return f"{name}; JPEG, PNG and WebP pictures are taken", hint
    return "no JPEG, PNG or WebP picture", "save it as one of these"


def media_type_of(raw: bytes) -> MediaType | None:
    """Return what kind of picture bytes begin like, or None."""
    if raw.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if raw.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "image/webp"
    return None
