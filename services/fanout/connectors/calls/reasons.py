"""Finds what a server says of a refusal in the JSON of its answer. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

_SAID = ("error", "title", "message", "description", "detail", "Message", "faultstring", "reason", "msg")
"""Where platforms give reasons: Mastodon in ``error``, AT Protocol a name in ``error`` and words in ``message``,
Telegram in ``description``, X in ``title`` and ``detail`` (RFC 9457); Meta has an object in ``error``. And gateways:
AWS in ``Message``, Apigee in ``faultstring`` in an object.
"""
_NAMES = frozenset({*map(str.lower, _SAID), "errors", "details", "errormessage", "error_message", "error_description"})
_CODE = frozenset({"code"})
_MOST = 1_000
"""So many values of an answer are looked at."""


def reason_in(body: Any) -> str:
    """Return a server's words where reasons are said, else its code for it; empty where it has neither."""
    told = _told(body) if isinstance(body, dict) else ""
    return told or next(_texts(body, _NAMES), "") or next(_texts(body, _CODE), "")


def any_text_in(body: Any) -> str:
    """Return the outermost text of an answer, with its name; empty where it has none."""
    return next(_texts(body, None), "")


def _told(whole: dict[str, Any]) -> str:
    """Return what is said where platforms say it."""
    body = next((whole[name] for name in ("error", "fault") if isinstance(whole.get(name), dict)), whole)
    first = _first_error(body)
    if not body.keys() & {*_SAID}:
        body = first
    said = [_text(body.get("error_description"))]
    if not said[0]:
        said = [_text(body.get(key)) for key in _SAID]
    more = _text(first.get("message"))  # X says what is wrong there, and in its title that something is
    said += [more] if more and more not in said else []
    return ": ".join(filter(None, said))


def _first_error(body: dict[str, Any]) -> dict[str, Any]:
    several = body.get("errors")
    return several[0] if isinstance(several, list) and several and isinstance(several[0], dict) else {}


def _texts(body: Any, names: frozenset[str] | None) -> Iterator[str]:
    """Yield texts, the outer ones first: those under some names and those under none; or all texts with their names."""
    waiting = deque([("", body)])
    for _ in range(_MOST):
        if not waiting:
            return
        name, value = waiting.popleft()
        text = _text(value)
        if text and names is None and isinstance(value, str):
            yield f"{name}: {text}" if name else text
        elif text and names is not None and (not name or name.lower() in names):
            yield text
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += ((name, one) for one in value[:_MOST])


def _text(value: Any) -> str:
    """Return a text, or a number that stands for one; a truth is none, and neither is a page."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == 0:
        return ""
    return "" if str(value).lstrip().startswith("<") else str(value).strip()
