"""Keeps credentials out of what is said of a call: servers repeat in errors what they were asked. Pure.

The address of a webhook and the path of a bot are credentials themselves, and reasons go into receipts and logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from string import ascii_lowercase, ascii_uppercase
from urllib.parse import SplitResult, quote, unquote, urlsplit

HIDDEN = "…"
_RUN = 8
"""So many characters in a row of a credential are taken for a piece of it."""
_MOST = 4_096
_PLAIN = re.compile(r"[a-z._/ -]*|[\d.-]{1,10}")
"""What is no secret in an address: words, and the date of a version."""
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)


def secrets_in(address: str) -> tuple[str, ...]:
    """Return the parts of an address's path and query that let in who knows them: all of it where none stands out."""
    path, _, query = address.partition("?")
    parts = [*path.split("/"), *(pair.partition("=")[2] for pair in query.split("&"))]
    return tuple(part for part in parts if _PLAIN.fullmatch(unquote(part)) is None) or (address,)


def without(text: str, secrets: Iterable[str]) -> str:
    """Return the beginning of a text, with each piece of a secret hidden, also as addresses spell it."""
    text = text[:_MOST]
    known = "\n".join(spelled for one in secrets for spelled in (one, quote(one, safe=""), unquote(one)))
    known, small = known.translate(_SMALL), text.translate(_SMALL)
    starts = (start for start in range(len(text) - _RUN + 1) if small[start : start + _RUN] in known)
    inside = {at for start in starts for at in range(start, start + _RUN)} if known else set()
    runs = groupby(range(len(text)), key=inside.__contains__)
    return "".join(HIDDEN if hidden else "".join(text[at] for at in run) for hidden, run in runs)


def origin_of(address: str) -> str:
    """Return the scheme and host of an address; empty where it names none."""
    parts = _parts(address)
    return "" if parts is None else f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def place_of(address: str) -> str:
    """Return an address without its query, and without who logs in there; empty where it names no host."""
    parts = _parts(address)
    return "" if parts is None else origin_of(address) + parts.path


def _parts(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return parts if parts.scheme and parts.netloc else None
