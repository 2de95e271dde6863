"""What the command line said, as values that commands hand to flows. Light: the standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Message:
    """A message to publish or to request, as it was typed; checked by ``services.desk.words``."""

    text: str
    to: tuple[str, ...] = ()
    all_departments: bool = False
    link: str | None = None
    images: tuple[Path, ...] = ()
    alts: tuple[str, ...] = ()
    crisis: bool | None = None
    severity: str | None = None
    expires: str | None = None
    variants: tuple[str, ...] = ()
    event_id: str | None = None


@dataclass(frozen=True)
class Manner:
    """How to go about it: who, whether to ask back, how long to wait (as typed)."""

    officer: str | None
    yes: bool = False
    wait: str = "60s"


@dataclass(frozen=True)
class Choice:
    """What was decided on an unconfirmed post, as it was typed: exactly one of the three has to be given."""

    posted: str | None = None
    post_again: bool = False
    give_up: bool = False
