"""A picture of a text, for platforms that post nothing without a picture: the approved words, black on white.

Same text, same bytes (by one version of Pillow). Contrast is 17 to 1 where WCAG 2.2 asks for 7 to 1 (1.4.6); letters
are at least 36 pixels high on 1,080. Pure but for loading Pillow on first use.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from schemas import canonical
from schemas.events.requests import Picture

if TYPE_CHECKING:
    from PIL import ImageFont

WIDTH, HEIGHT = 1_080, 1_350
"""Pixels: 4 to 5, the highest that Instagram takes."""
MARGIN = 80
INK, PAPER = "#14181d", "#ffffff"
SIZES = (84, 72, 64, 56, 48, 42, 36)
FONT = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
"""Latin with all its accents, Greek, Cyrillic, Arabic and more; a script that it lacks is refused, never left out."""
_LEADING = 1.35
_MISSING = "\U0010fffe"
"""No font has a glyph for this one: it is drawn as what is missing is drawn."""


class CannotDraw(ValueError):
    """The text cannot be drawn so that people can read it; the message says why."""


def text_card(text: str) -> bytes:
    """Return a JPEG that shows a text, as large as it fits.

    Raises:
        CannotDraw: it has letters that the font lacks, or is too long to be read.
    """
    from PIL import Image, ImageDraw, ImageFont

    _check_letters(text, ImageFont.truetype(FONT, SIZES[-1]))
    for size in SIZES:
        font = ImageFont.truetype(FONT, size)
        lines = _lines(text, font)
        if lines is not None and len(lines) * size * _LEADING <= HEIGHT - 2 * MARGIN:
            break
    else:
        raise CannotDraw("it is too long to be read from a picture")
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw, step = ImageDraw.Draw(image), size * _LEADING
    top = (HEIGHT - len(lines) * step) / 2
    for number, line in enumerate(lines):
        draw.text((MARGIN, top + number * step), line, fill=INK, font=font)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, subsampling=0)
    return out.getvalue()


def drawable(text: str) -> str:
    """Return a text in which each letter that the font lacks is spelt out, as U+1F525: for a picture as evidence."""
    from PIL import ImageFont

    font = ImageFont.truetype(FONT, SIZES[-1])
    missing = bytes(font.getmask(_MISSING))
    lacks = {letter for letter in set(text) if not letter.isspace() and bytes(font.getmask(letter)) == missing}
    return "".join(f"[U+{ord(letter):04X}]" if letter in lacks else letter for letter in text)


def card_picture(text: str, card: bytes) -> Picture:
    """Return the card as a picture of a message: its description is the same words."""
    return Picture(sha256=canonical.sha256(card), media_type="image/jpeg", alt=text)


def _check_letters(text: str, font: ImageFont.FreeTypeFont) -> None:
    missing = bytes(font.getmask(_MISSING))
    for letter in sorted(set(text)):
        if letter.isspace():
            continue
        if bytes(font.getmask(letter)) == missing:
            raise CannotDraw(f"its font has no {letter!r}")


def _lines(text: str, font: ImageFont.FreeTypeFont) -> list[str] | None:
    """Return the text in lines that fit; None where a word does not. An address may be divided anywhere."""
    room = WIDTH - 2 * MARGIN
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if font.getlength(longer) <= room:
                line = longer
                continue
            if line:
                lines.append(line)
            line = word
            while font.getlength(line) > room:
                if "://" not in word:
                    return None
                fits = next(count for count in range(len(line), 0, -1) if font.getlength(line[:count]) <= room)
                lines.append(line[:fits])
                line = line[fits:]
        lines.append(line)
    return lines
