"""Small pictures of the screens for the documentation: one sheet for phones, one for desktops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

GAP = 6
SHEETS = {"phone": (120, 9, 198), "desk": (240, 6, 156)}
"""Width and height of one picture in pixels (the first and the last), and how many stand beside each other."""

QUALITY = 7


def sheet(folder: Path, manner: str, names: Sequence[str]) -> None:
    """Put the pictures of one manner on a sheet, ``<manner>.webp``: the top of each screen."""
    width, columns, height = SHEETS[manner]
    rows = -(-len(names) // columns)
    made = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), "#888")
    for number, name in enumerate(names):
        with Image.open(folder / f"{manner}-{name}.png") as shot:
            small = shot.convert("RGB").resize((width, round(shot.height * width / shot.width)))
        page = Image.new("RGB", (width, height), "#fff")
        page.paste(small.crop((0, 0, width, min(small.height, height))))
        made.paste(page, (number % columns * (width + GAP), number // columns * (height + GAP)))
    made.save(folder / f"{manner}.webp", quality=QUALITY, method=6)
