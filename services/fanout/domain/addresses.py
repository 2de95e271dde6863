"""Which addresses that a platform answers with may be shown to the public: its own, over TLS. Pure.

What a platform says is an outsider's word: a ``javascript:`` address, or one on a phishing host, would stand on the
city's own website.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from schemas import unseen

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def own_address(url: str, base: str) -> str:
    """Return a post's address when it is on the server that was asked (its base URL), else the empty text.

    It has to be https; on loopback, where the practice platform is, http will do.
    """
    asked, found = _split(base), _split(url)
    if asked is None or found is None or (asked.host, asked.scheme) != (found.host, found.scheme):
        return ""
    return url if is_public(url) else ""


def is_public(url: str) -> bool:
    """Say whether an address may be a link on the city's website: https, or http on this machine, without a user."""
    found = _split(url)
    return found is not None and found.public


class _Split(NamedTuple):
    scheme: str
    host: str | None
    public: bool


@lru_cache(maxsize=1_024)
def _split(url: str) -> _Split | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it raises for what is no port
    except ValueError:
        return None
    scheme, host = parts.scheme, parts.hostname
    safe = scheme == "https" or (scheme == "http" and host in _LOOPBACK)
    plain = bool(host) and "@" not in parts.netloc and " " not in url and not unseen.in_text(url)
    return _Split(scheme, host, safe and plain)
