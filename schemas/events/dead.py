"""Dead letters: what a service could not handle, kept for a person; how it is sent again, and how it ends.

Stream DEAD, append-only like the ledger. A dead letter's number is its sequence there. Three kinds of records follow
each other: the dead letter, perhaps orders to send it again, one closing. What the server itself gave up (its
advisories) lies in the same stream and counts as one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.events.authority import Realm
from schemas.events.base import Contract, Id, Utc
from schemas.events.envelope import Envelope

Reason = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class DeadLetterCause(StrEnum):
    """Why a message was put aside.

    ``unreadable``: its bytes are not what its subject says. ``failed``: the handler raised each time. ``killed``: its
    process ended each time while it was handled. ``given_up``: the server delivers it no more.
    """

    UNREADABLE = "unreadable"
    FAILED = "failed"
    KILLED = "killed"
    GIVEN_UP = "given_up"


class DeadLetter(Contract):
    """``dead.<service>``: a message of the ledger that a service put aside.

    ``seq`` is its ledger sequence, ``durable`` the consumer that it came through, ``tries`` how often it was begun in
    vain from ``first_at`` to ``last_at``. ``data_base64`` holds its first megabyte. ``again_of`` is the one that was
    sent again and led here.
    """

    at: Utc
    service: str
    subject: str
    seq: int
    error: str
    data_base64: str
    durable: str | None = None
    cause: DeadLetterCause = DeadLetterCause.UNREADABLE
    tries: int = 1
    first_at: Utc | None = None
    last_at: Utc | None = None
    again_of: int | None = None


class SendAgain(Contract):
    """``dead.again.<service>``: the board hands a dead letter to its service, as an officer asked.

    The service takes the entry ``seq`` from the ledger and gives it to the handler of ``durable``. ``envelope`` is what
    the officer signed; of before 0.3 it has none.
    """

    at: Utc
    letter: int
    durable: str
    subject: str
    seq: int
    officer: Id
    envelope: Envelope | None = None


class Ending(StrEnum):
    """How a dead letter was closed. ``failed_again``: a new one says why."""

    HANDLED = "handled"
    FAILED_AGAIN = "failed_again"
    DROPPED = "dropped"


class Closing(Contract):
    """``dead.closed.<letter>``: how it ended, once. ``officer`` asked for it; ``said`` is the reason or result.

    ``envelope`` is what the officer signed who dropped it.
    """

    at: Utc
    letter: int
    ending: Ending
    officer: Id
    said: str = ""
    envelope: Envelope | None = None


class MessageGivenUp(Contract):
    """What matters of the server's advisories MAX_DELIVERIES and MSG_TERMINATED; the board reads no more of them."""

    stream: str
    consumer: str
    stream_seq: int
    deliveries: int = 0


class DeadLetterStatement(Contract):
    """The payload that is signed: send a dead letter again, or drop it with a reason.

    ``subject`` and ``seq`` are those of the message that was put aside, as the officer was shown it.
    """

    realm: Realm
    order: Literal["again", "drop"]
    letter: Annotated[int, Field(ge=1)]
    subject: str
    seq: int
    reason: Reason | None = None
    officer: Id
    issued_at: Utc
    expires_at: Utc
    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class DeadLetterOrder(Contract):
    """``desk.dead.order``: ``envelope`` is DSSE over ``DeadLetterStatement``."""

    officer: Id
    envelope: Envelope


class DeadLetterReply(Contract):
    """The order is on record. ``again``: the service handles it now, and its closing says how it went."""

    accepted: Literal[True] = True
    letter: int


class DeadLetterView(Contract):
    """A dead letter as people are shown it. ``state``: open, sent_again (under way), or how it was closed."""

    letter: int
    cause: DeadLetterCause
    service: str
    durable: str | None = None
    subject: str
    seq: int
    reason: str
    tries: int
    first_at: Utc
    last_at: Utc
    state: Literal["open", "sent_again", "handled", "failed_again", "dropped"] = "open"
    officer: str | None = None
    state_at: Utc | None = None
    said: str = ""
    again_of: int | None = None
    data_base64: str | None = None
