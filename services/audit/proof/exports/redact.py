"""Takes words out of an entry so that what was taken out still verifies: salted commitments stand in its place. Pure.

In the place of a value stands ``{"~redacted": c}``, c the SHA-256 of a random salt of 32 bytes and the value's
canonical JSON. Of a text only the words go: ``{"~spans": [...]}`` is its pieces in order. ``{"~json": v}`` stands for a
text that is the canonical JSON of v, ``{"~base64": v}`` for its base64. Hashes are commitments without a salt, and so
are signatures: they would confirm whoever guesses a telephone number. Of a request from which a word was taken they
go too, and so does the sender's own id, which is random.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas import canonical
from schemas.events.audit import OpenedValue

BLACK = "█████"
"""What people see where something was taken out."""

SHORTEST = 3
"""Characters that a word to take out has at least; fewer would black out half of everything."""

_HASHES = "[0-9a-f]{16,}"
_TELLING = frozenset({"sig", "event_id"})


class RedactionError(ValueError):
    """A commitment that is not opened, or whose opening does not fit."""


class Redaction:
    """Takes out words, in any case, wherever they stand. ``openings`` gathers what was taken out, by commitment."""

    def __init__(self, words: Sequence[str], salt: Callable[[], bytes] = lambda: secrets.token_bytes(32)) -> None:
        self.openings: dict[str, OpenedValue] = {}
        self._salt = salt
        listed = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
        self._words = re.compile(listed, re.IGNORECASE)
        self._strict = re.compile(f"{listed}|{_HASHES}", re.IGNORECASE)

    def holds(self, value: Any) -> bool:
        """Return whether one of the words is anywhere in a value, within what is encoded in it too."""
        before = dict(self.openings)
        held = bool(self.take_out(value, hashes=False) != value)
        self.openings = before
        return held

    def take_out(self, value: Any, *, hashes: bool) -> Any:
        """Return a value without the words, and with ``hashes`` without hashes and signatures."""
        return self._redacted(value, self._strict if hashes else self._words, hashes)

    def hide(self, value: Any) -> dict[str, str]:
        """Return the commitment that stands for a whole value."""
        salt = self._salt()
        name = commitment(salt, value)
        self.openings[name] = OpenedValue(salt=salt.hex(), value=value)
        return {"~redacted": name}

    def _redacted(self, value: Any, pattern: re.Pattern[str], hashes: bool) -> Any:
        if isinstance(value, str):
            return self._text(value, pattern, hashes)
        if isinstance(value, list):
            return [self._redacted(one, pattern, hashes) for one in value]
        if not isinstance(value, dict):
            return value
        if any(pattern.search(key) for key in value):
            return self.hide(value)
        signed = "payloadType" in value
        return {key: self._field(key, one, pattern, hashes, signed) for key, one in value.items()}

    def _field(self, key: str, value: Any, pattern: re.Pattern[str], hashes: bool, signed: bool) -> Any:
        if hashes and key in _TELLING:
            return self.hide(value)
        if key == "base64" or (key == "payload" and signed):
            return self._encoded(value, pattern, hashes)
        return self._redacted(value, pattern, hashes)

    def _text(self, text: str, pattern: re.Pattern[str], hashes: bool) -> Any:
        inner = _parsed(text.encode()) if text.startswith("{") else None
        if inner is not None:
            redacted = self._redacted(inner, pattern, hashes)
            return text if redacted == inner else {"~json": redacted}
        spans, end = list[Any](), 0
        for found in pattern.finditer(text):
            spans += [text[end : found.start()]] if found.start() > end else []
            spans.append(self.hide(found.group()))
            end = found.end()
        if not spans:
            return text
        return {"~spans": [*spans, *([text[end:]] if end < len(text) else [])]}

    def _encoded(self, text: Any, pattern: re.Pattern[str], hashes: bool) -> Any:
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, TypeError, ValueError):
            return self._redacted(text, pattern, hashes)
        inner = _parsed(raw)
        if inner is None or base64.b64encode(raw).decode() != text:
            return self.hide(text) if hashes or pattern.search(raw.decode(errors="replace")) else text
        redacted = self._redacted(inner, pattern, hashes)
        return text if redacted == inner else {"~base64": redacted}


def commitment(salt: bytes, value: Any) -> str:
    """Return the commitment to a JSON value."""
    return canonical.sha256(salt + canonical.dumps(value))


def rebuilt(value: Any, openings: Mapping[str, OpenedValue]) -> Any:
    """Return the value from which words were taken out, with the words; raises RedactionError."""
    return _walk(value, lambda name: _opened(name, openings))


def shown(value: Any) -> Any:
    """Return a redacted value in its own shape, for people: a black bar where something was taken out."""
    return _walk(value, lambda _name: BLACK)


def _walk(value: Any, opened: Callable[[str], Any]) -> Any:
    if isinstance(value, list):
        return [_walk(one, opened) for one in value]
    if not isinstance(value, dict):
        return value
    match list(value.items()):
        case [("~redacted", str(name))]:
            return opened(name)
        case [("~spans", list(pieces))]:
            return "".join(str(_walk(one, opened)) for one in pieces)
        case [("~json", inner)]:
            return canonical.dumps(_walk(inner, opened)).decode()
        case [("~base64", inner)]:
            return base64.b64encode(canonical.dumps(_walk(inner, opened))).decode()
    return {key: _walk(one, opened) for key, one in value.items()}


def _opened(name: str, openings: Mapping[str, OpenedValue]) -> Any:
    opening = openings.get(name)
    if opening is None:
        raise RedactionError(f"nothing opens the commitment {name[:16]}…")
    if commitment(bytes.fromhex(opening.salt), opening.value) != name:
        raise RedactionError(f"what should open the commitment {name[:16]}… does not fit it")
    return opening.value


def _parsed(raw: bytes) -> dict[str, Any] | None:
    """Return the object whose canonical JSON the bytes are, else None."""
    try:
        value = canonical.loads(raw)
    except canonical.StrictJsonError:
        return None
    return value if isinstance(value, dict) and canonical.dumps(value) == raw else None
