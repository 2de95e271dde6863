"""How handlers get what they need of a message: FastStream decoders and dependencies."""

from __future__ import annotations

from typing import Annotated, Any

from faststream import Depends
from faststream.nats.annotations import NatsMessage

from schemas import canonical, subjects
from services.kernel.base.errors import BadInput
from services.kernel.ledger.client import Entry
from services.kernel.ledger.integrity import entry_time
from services.kernel.runtime.middleware import MAX_SUBMISSION, UnreadableBody


def entry_of(message: NatsMessage) -> Entry:
    """Return where a message of the ledger stands (a FastStream dependency)."""
    return to_entry(message.raw_message)


def to_entry(raw: Any) -> Entry:
    """Return a delivered NATS message as an entry."""
    meta = raw.metadata
    seq, headers = meta.sequence.stream, dict(raw.headers or {})
    return Entry(seq, raw.subject, entry_time(meta.timestamp, seq, headers), raw.data, headers)


def sender_of(message: NatsMessage) -> str:
    """Return the NATS user who sent a desk message: the subject's last token, which permissions prove."""
    return subjects.sender_of(message.raw_message.subject)


async def strict_json(message: NatsMessage) -> Any:
    """Decode a body strictly (a FastStream decoder)."""
    try:
        return canonical.loads(message.body)
    except canonical.StrictJsonError as error:
        raise UnreadableBody(str(error)) from error


async def desk_json(message: NatsMessage) -> Any:
    """Decode a desk message strictly, refusing what is too large to be one (a FastStream decoder)."""
    if len(message.body) > MAX_SUBMISSION:
        raise BadInput(
            "input.too_large",
            f"the message has {len(message.body)} bytes; a submission may have {MAX_SUBMISSION}",
            "shorten it; pictures are put beforehand, on their own subject",
        )
    return canonical.loads(message.body)


async def raw_bytes(message: NatsMessage) -> bytes:
    """Hand the bytes over as they are (a FastStream decoder)."""
    return message.body


EntryOf = Annotated[Entry, Depends(entry_of, cast=False)]
Sender = Annotated[str, Depends(sender_of, cast=False)]
