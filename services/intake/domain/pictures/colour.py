"""Brings a decoded picture into sRGB, 8 bits a channel: what each screen and platform takes pictures for.

A profile is applied and not only dropped: without it the colours of a phone's picture (Display P3) or of a print
(CMYK) are others. Pure; works on Pillow images.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_TO_EIGHT_BITS = 255 / 65_535


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture as RGB, or as RGBA where it has transparency.

    Args:
        image: in any mode that Pillow decodes JPEG, PNG and WebP into.
        profile: its ICC profile; one that cannot be read, or is for another kind of colour, is left out of account.
    """
    deep = image.mode.startswith("I")
    plain = _eight_bits(image) if deep else image
    if not plain.has_transparency_data:
        return _colour(plain, profile)
    whole = plain.convert("RGBA")
    grey = plain.mode in ("LA", "La", "L")
    colour = _colour(plain.convert("L") if grey else whole.convert("RGB"), profile)
    colour.putalpha(whole.getchannel("A"))
    return colour


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16 bits of grey to 8, the transparent one too; Pillow's own conversion makes everything above 255 white."""
    clear = image.info.get("transparency")
    plain = image.convert("I").point(lambda value: value * _TO_EIGHT_BITS + 0.5).convert("L")
    if isinstance(clear, int):
        plain.info["transparency"] = int(clear * _TO_EIGHT_BITS + 0.5)
    return plain


def _colour(image: Image.Image, profile: bytes | None) -> Image.Image:
    converted = _by_profile(image, profile) if profile else None
    return converted if converted is not None else image.convert("RGB")


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    from PIL import ImageCms

    source = image if image.mode in ("RGB", "CMYK", "L") else image.convert("L" if image.mode == "1" else "RGB")
    try:
        described = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if described.profile.xcolor_space.strip() != {"RGB": "RGB", "CMYK": "CMYK", "L": "GRAY"}[source.mode]:
            return None
        return ImageCms.profileToProfile(
            source,
            described,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, ImageCms.PyCMSError):
        return None
