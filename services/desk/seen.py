"""The requests that a desk was shown last, kept for the shell's completion: it must not wait for a broker.

One small file for each realm, ``var/desk/<realm>-seen.json``: ids with the beginning of their words, the newest first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from services.kernel.base.city import City
from services.kernel.base.files import write_atomically

MOST = 200
WORDS = 40


def remember(city: City, shown: Iterable[tuple[str, str]]) -> None:
    """Keep requests that were shown, each with its text; where the disk does not take them there is no completion."""
    path = _path(city)
    before = read(city)
    newest = {name: " ".join(text.split())[:WORDS] for name, text in shown}
    kept = dict([*newest.items(), *((name, text) for name, text in before.items() if name not in newest)][:MOST])
    if list(kept.items()) == list(before.items()):
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, json.dumps(kept).encode(), 0o600)
    except OSError:
        return


def read(city: City) -> dict[str, str]:
    """Return what was shown, the newest first."""
    try:
        found = json.loads(_path(city).read_bytes())
        return {str(name): str(text) for name, text in found.items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def _path(city: City) -> Path:
    return city.var / "desk" / f"{city.realm}-seen.json"
