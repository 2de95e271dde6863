"""What handlers take beside the message: FastStream dependencies.

They are coroutines without parameters: FastDepends calls a plain function, and FastStream's own ``Context`` parameter,
in a thread each, and the way there and back took longer than most handlers.
"""

from __future__ import annotations

from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Annotated

from faststream import Depends
from nats.aio.msg import Msg

from schemas import subjects
from services.kernel.ledger.entry import Entry, entry_time


def to_entry(raw: Msg) -> Entry:
    """Return a message that a durable delivered as an entry of its stream."""
    meta = raw.metadata
    seq, headers = meta.sequence.stream, dict(raw.headers or {})
    return Entry(seq, raw.subject, entry_time(_stored_at(raw), seq, headers), raw.data, headers)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLD_FORM = 9
"""Tokens of an ack subject of servers before 2.2; theirs has neither domain nor account."""


def _stored_at(raw: Msg) -> datetime:
    """Return the server's time, rounded down to microseconds as every other reader does.

    nats-py's own ``metadata.timestamp`` goes through a float, and is a microsecond off now and then.
    """
    tokens = raw.reply.split(".")
    nanoseconds = int(tokens[7 if len(tokens) == _OLD_FORM else Msg.Ack.Timestamp])
    return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)


received: ContextVar[Msg] = ContextVar("received")
"""The message at hand; the bus's middlewares set it."""


async def _entry() -> Entry:
    return to_entry(received.get())


async def _sender() -> str:
    return subjects.sender_of(received.get().subject)


EntryOf = Annotated[Entry, Depends(_entry, cast=False)]
Sender = Annotated[str, Depends(_sender, cast=False)]
