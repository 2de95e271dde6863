"""The fields of a post, as a platform lists it. Pure.

A text that is none, read as empty or written out, would be another post's text: ours would count as absent, and be
posted again. So what is of another kind is an error, and the listing as a whole says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def text_in(value: Mapping[str, Any], name: str, *, needed: bool = False) -> str:
    """Return a field's text, empty where there is none or null; raises TypeError where it is no text.

    ``needed``: each post has one, though it be empty; what has none raises TypeError too.
    """
    text = value.get(name)
    if text is None and not needed:
        return ""
    if not isinstance(text, str):
        raise TypeError(f"{name} is no text")
    return text


def time_in(value: Mapping[str, Any], name: str) -> datetime:
    """Return a field's time; raises KeyError, TypeError or ValueError where it is none, or names no offset from UTC."""
    time = datetime.fromisoformat(value[name])
    if time.tzinfo is None:
        raise ValueError(f"{name} has no offset")
    return time
