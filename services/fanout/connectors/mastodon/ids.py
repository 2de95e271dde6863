"""Ids of the Mastodon API: text without meaning, which becomes a part of addresses. Pure."""

from __future__ import annotations

import re
from typing import Any

SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def id_of(value: Any) -> str:
    """Return an id as a server gave it, text or a whole number; empty for what is none, or not safe in an address."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    name = str(value) if whole or isinstance(value, str) else ""
    return name if SAFE_ID.fullmatch(name) else ""
