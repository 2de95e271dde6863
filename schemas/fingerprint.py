"""Four words for what an officer signs, to be compared aloud or between two devices: the same words, the same message.

They cover each rendering's own bytes, where the message goes, and what else the policy reads (author, crisis flag,
severity, time, end, what it follows), so a change that a screen does not show changes the words. 44 bits: two messages
share them by chance once in 17 million million times. They compare what honest devices show and prove nothing by
themselves: a signature covers the whole digest. Pure but for reading the word list once.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import resources

from schemas import canonical
from schemas.events.desk import PreviewReply
from schemas.events.requests import Request

WORDS = 4
BITS = 11
"""Bits that one word stands for: the list has 2048."""


def words_of(shown: Request | PreviewReply) -> str:
    """Return the four words of a request or of its preview, with hyphens between them.

    They are computed from the renderings' bytes, not from the digest beside them, and are the same for a preview and
    for the request that it becomes.
    """
    value: dict[str, object] = {
        "request_id": shown.request_id,
        "revision": shown.revision,
        "renderings": {one.platform: canonical.sha256(one.body.encode()) for one in shown.renderings},
        "scope": shown.scope,
        "targets": list(shown.targets),
        "author": shown.author,
        "crisis": shown.crisis,
        "severity": shown.severity,
        "expires_at": shown.expires_at.isoformat(),
        "replaces": shown.replaces,
        "follows": shown.follows,
    }
    if shown.not_before is not None:  # only then: the words of what has no time are those of every version
        value["not_before"] = shown.not_before.isoformat()
    number = int.from_bytes(hashlib.sha256(b"onevoice.fingerprint.1\n" + canonical.dumps(value)).digest()[:8], "big")
    number >>= 64 - WORDS * BITS
    places = [(number >> BITS * place) & (2**BITS - 1) for place in reversed(range(WORDS))]
    return "-".join(word_list()[place] for place in places)


@lru_cache(maxsize=1)
def word_list() -> tuple[str, ...]:
    """Return the 2048 words."""
    text = resources.files("schemas").joinpath("fingerprint_words.txt").read_text(encoding="ascii")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))
