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
from nats.errors import NotJSMessageError

from schemas import subjects
from services.kernel.ledger.entry import Entry, entry_time


def to_entry(raw: Msg, restored: int = 0) -> Entry:
    """Return a message that a durable delivered as an entry of its stream.

    ``restored`` as in ``entry_time``: without it an entry that was put back has the time at which that was.
    """
    seq, stored_at = _place_and_time(raw.reply)
    headers = dict(raw.headers or {})
    return Entry(seq, raw.subject, entry_time(stored_at, seq, headers, restored), raw.data, headers)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLD_FORM = 9
"""Tokens of an ack subject of servers before 2.2; theirs has neither domain nor account."""


def _place_and_time(ack: str) -> tuple[int, datetime]:
    """Return a message's sequence in its stream, and the server's time, by the subject on which it is acknowledged.

    The time is rounded down to microseconds as every other reader does: nats-py's own ``metadata.timestamp`` goes
    through a float, and is a microsecond off now and then. Raises NotJSMessageError for what no durable delivered.
    """
    tokens = ack.split(".")
    if tokens[:2] != ["$JS", "ACK"] or len(tokens) < _OLD_FORM:
        raise NotJSMessageError
    seq, at = (5, 7) if len(tokens) == _OLD_FORM else (Msg.Ack.StreamSeq, Msg.Ack.Timestamp)
    return int(tokens[seq]), _EPOCH + timedelta(microseconds=int(tokens[at]) // 1_000)


received: ContextVar[Msg] = ContextVar("received")
"""The message at hand; the bus's middlewares set it."""


async def _entry() -> Entry:
    return to_entry(received.get())


async def _sender() -> str:
    return subjects.sender_of(received.get().subject)


EntryOf = Annotated[Entry, Depends(_entry, cast=False)]
Sender = Annotated[str, Depends(_sender, cast=False)]
