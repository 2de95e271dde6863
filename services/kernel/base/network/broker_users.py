"""Who is in an accounts file of the broker, as provisioning writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas import flow

_LINE = re.compile(r"^  (?P<account>[A-Z_]+) \{$|^      # (?P<name>\S+)\n      \{ nkey: (?P<key>\w+), ", re.MULTILINE)


@dataclass(frozen=True)
class BrokerUser:
    """A user of the broker; ``own``: of OneVoice itself, and no person's and no other system's."""

    name: str
    key: str
    own: bool


def users_in(text: str) -> Iterator[BrokerUser]:
    """Yield the users of an accounts file, in its order."""
    own = True
    for found in _LINE.finditer(text):
        if found["account"] is not None:
            own = not found["account"].endswith("_DESK")
        else:
            yield BrokerUser(found["name"], found["key"], own or found["name"] in flow.RESERVED)


def users_at(path: Path) -> tuple[BrokerUser, ...]:
    """Return the users of the accounts file at a path; none where it is not here, or may not be read."""
    try:
        return tuple(users_in(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        return ()
