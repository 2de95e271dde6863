"""Strict reading and canonical writing of JSON (RFC 8259, canonical form after RFC 8785).

Signed bytes are read strictly: equal keys, NaN, invalid UTF-8, deep nesting are refused, since
``json.loads`` keeps the last of two equal keys in silence. Canonical output sorts keys, has no white space and
keeps non-ASCII characters; floats are not used in any contract.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from typing import Any, NoReturn

MAX_DEPTH = 16
MAX_DIGITS = 40

_NESTING = frozenset({dict, list})

_SURROGATE = re.compile(r"\\u[dD][89abAB]|\\u[dD][c-fC-F]")


class StrictJsonError(ValueError):
    """The bytes are not JSON that a contract accepts; the message says why, in plain words."""


def dumps(value: Any) -> bytes:
    """Return the canonical UTF-8 bytes of a JSON value."""
    return _ENCODER.encode(value).encode("utf-8")


def loads(raw: bytes, deepest: int = MAX_DEPTH) -> Any:
    """Parse UTF-8 JSON bytes.

    Raises:
        StrictJsonError: invalid UTF-8, not JSON, a key twice, NaN, Infinity or a number that is too large, half of a
            surrogate pair, nested deeper than ``deepest`` levels.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StrictJsonError(f"not valid UTF-8 at byte {error.start}") from error
    try:
        # raw_decode is quicker, and takes neither white space round the value nor what is behind it.
        value, end = _DECODER.raw_decode(text) if text.startswith("{") else (None, -1)
        if end != len(text):
            value = _DECODER.decode(text)
    except RecursionError as error:
        raise StrictJsonError(f"nested deeper than {deepest} levels") from error
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"not JSON: {error.msg} at line {error.lineno} column {error.colno}") from error
    if text.count("{") + text.count("[") > deepest:  # with fewer it cannot be nested so deep
        _check_depth(value, deepest)
    if _SURROGATE.search(text):
        _check_unicode(value)
    return value


def sha256(raw: bytes) -> str:
    """Return the SHA-256 of bytes as 64 lowercase hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise StrictJsonError(f"the key {counts.most_common(1)[0][0]!r} occurs twice")
    return result


def _no_constant(name: str) -> NoReturn:
    raise StrictJsonError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise StrictJsonError(f"the number {_shown(text)} is too large")
    return value


def _short(text: str) -> int:
    """Read a whole number; Python refuses thousands of digits with an error of its own kind."""
    if len(text) > MAX_DIGITS:
        raise StrictJsonError(f"the number {_shown(text)} is too large")
    return int(text)


def _shown(text: str) -> str:
    return text if len(text) <= 20 else text[:20] + "…"


def _check_unicode(value: Any) -> None:
    """Refuse half of a surrogate pair: JSON can write it, UTF-8 cannot, so it could never be stored again."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise StrictJsonError("a \\u escape is half of a surrogate pair, which is no character") from error


def _check_depth(value: Any, deepest: int) -> None:
    level = [value]
    for _ in range(deepest):
        level = [
            child
            for node in level
            if type(node) in _NESTING
            for child in (node.values() if type(node) is dict else node)
        ]
        if not level:
            return
    raise StrictJsonError(f"nested deeper than {deepest} levels")


# Made once: json.dumps and json.loads with settings would make one for each call.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_keys, parse_constant=_no_constant, parse_float=_finite, parse_int=_short
)
