"""One entry of a stream as it stands there, and the headers that say on what condition it was stored. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

FENCE_SUBJECT = "Nats-Expected-Last-Subject-Sequence-Subject"
EXPECTED = "Nats-Expected-Last-Subject-Sequence"
MESSAGE_ID = "Nats-Msg-Id"


@dataclass(frozen=True)
class Entry:
    """One message of a stream. ``at`` is when the server stored it first (kernel.ledger.integrity.entry_time)."""

    seq: int
    subject: str
    at: datetime
    data: bytes
    headers: dict[str, str]
