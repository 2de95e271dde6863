"""The commands that people are told to type, as they are typed in the realm that is meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.events.authority import Realm

_COMMAND = re.compile(r"\bonevoice (?!(?:up|init|deploy|tls)\b)[a-z]+\b(?:(?!onevoice )[^;,)\n])*")
"""A command to its end: what it is followed by in a hint. Those that are of no realm, or of both, are left out."""


def in_realm(text: str, realm: Realm) -> str:
    """Return a hint whose commands name the realm, where it is not the live one and they do not name it already."""
    return text if realm == "live" else _COMMAND.sub(lambda found: _named(found.group(), realm), text)


def _named(command: str, realm: Realm) -> str:
    if "--realm" in command:
        return command
    return f"onevoice --realm {realm} {command.removeprefix('onevoice ')}"
