"""What is broadcast to people who watch in one message, while much happens at a time."""

from __future__ import annotations

from schemas.events.base import Contract
from schemas.events.desk import BoardEvent


class BoardEvents(Contract):
    """``board.entries.together``: entries that came close together, each once, in order, in place of as many events."""

    events: tuple[BoardEvent, ...]
