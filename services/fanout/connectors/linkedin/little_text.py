"""LinkedIn's "little text": its own marks inside a text have to be escaped, or the post ends there in silence. Pure.

Source: learn.microsoft.com, "little Text Format".
"""

from __future__ import annotations

import re

from schemas.platforms import LITTLE_TEXT

_MARK = re.compile(f"[{re.escape(LITTLE_TEXT)}]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def escaped(text: str) -> str:
    """Return a text of which LinkedIn shows every letter and takes none for a mark."""
    return _MARK.sub(r"\\\g<0>", text)


def plain(commentary: str) -> str:
    """Return what people read of a commentary that ``escaped`` made."""
    return _ESCAPED.sub(r"\1", commentary)
