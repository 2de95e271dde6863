"""Quotes values for the grammar of NATS configuration files."""

from __future__ import annotations

import json

from services.kernel.base.errors import BadInput


def quoted(value: str) -> str:
    """Return a quoted value: NATS knows JSON's short escapes, but not its numeric ones.

    Raises:
        BadInput: ``nats.conf`` for a control character.
    """
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
        raise BadInput("nats.conf", f"{value!r} holds a control character", "use a plain name or path for the broker")
    return json.dumps(value, ensure_ascii=False)
