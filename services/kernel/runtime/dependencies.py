"""What handlers take beside the message: FastStream dependencies."""

from __future__ import annotations

from typing import Annotated

from faststream import Depends
from faststream.nats.annotations import NatsMessage
from nats.aio.msg import Msg

from schemas import subjects
from services.kernel.ledger.entry import Entry, entry_time


def to_entry(raw: Msg) -> Entry:
    """Return a message that a durable delivered as an entry of its stream."""
    meta = raw.metadata
    seq, headers = meta.sequence.stream, dict(raw.headers or {})
    return Entry(seq, raw.subject, entry_time(meta.timestamp, seq, headers), raw.data, headers)


def _entry(message: NatsMessage) -> Entry:
    return to_entry(message.raw_message)


def _sender(message: NatsMessage) -> str:
    return subjects.sender_of(message.raw_message.subject)


EntryOf = Annotated[Entry, Depends(_entry, cast=False)]
Sender = Annotated[str, Depends(_sender, cast=False)]
