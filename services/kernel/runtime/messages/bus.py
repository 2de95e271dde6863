"""The message bus as services see it: a port. NATS by way of FastStream is behind it, or the simulated network.

A service registers functions: ``consume`` what a durable hands out, ``serve`` what the desk asks, ``subscribe`` to
broadcasts. Each names how its bytes are read, so that what cannot be read is kept apart from a handler that fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import ValidationError

from schemas import streams
from schemas.canonical import StrictJsonError
from schemas.events.base import Contract
from services.kernel.base.errors import BadInput, describe
from services.kernel.ledger.entry import Entry
from services.kernel.runtime.messages.reasons import Unreadable

T = TypeVar("T")

Read = Callable[[bytes], T]
"""Reads a body strictly, as ``Contract.from_bytes`` does; raises StrictJsonError or pydantic.ValidationError."""

EntryHandler = Callable[[T, Entry], Awaitable[None]]
RequestHandler = Callable[[T, str], Awaitable[Contract]]
BroadcastHandler = Callable[[T], Awaitable[None]]

Admit = Callable[[str, int], None]
"""Lets a sender's message of so many bytes in before it is read; raises OneVoiceError where it does not."""

Handle = Callable[[], Awaitable[Any]]
"""Reads one message and calls its handler."""

ACK_SECONDS = 5.0
"""How long the server's word is waited for that it has an ack."""

MAX_SUBMISSION = 256 * 1024
"""Bytes of a message from the desk; pictures travel apart, and may have more."""


class Delivery(Protocol):
    """A message of a durable, handed out to this process."""

    @property
    def durable(self) -> str:
        """The durable that handed it out."""
        ...

    @property
    def entry(self) -> Entry:
        """What it is, and where it is in its stream."""
        ...

    @property
    def count(self) -> int:
        """How often it was handed out, this time included."""
        ...

    async def ack(self) -> bool:
        """Say that it is done; True when the server has confirmed that."""
        ...

    async def nak(self, delay: float) -> None:
        """Ask for it again after so many seconds; if that is lost, it comes again after the durable's ack wait."""
        ...

    async def in_progress(self) -> None:
        """Ask for more time."""
        ...


class MessageBus(Protocol):
    """Brings messages to handlers, and broadcasts to whoever listens."""

    def consume(
        self,
        consumer: streams.Consumer,
        read: Read[T],
        handler: EntryHandler[T],
        *,
        workers: int = 1,
        title: str | None = None,
    ) -> None:
        """Handle what a provisioned durable hands out, ``workers`` messages at a time."""
        ...

    def serve(
        self,
        base: str,
        read: Read[T],
        handler: RequestHandler[T],
        *,
        workers: int = 8,
        most_bytes: int = MAX_SUBMISSION,
        admit: Admit | None = None,
        title: str | None = None,
    ) -> None:
        """Answer a desk subject, which all copies of the service share; ``admit`` is asked before anything is read."""
        ...

    def subscribe(self, subject: str, read: Read[T], handler: BroadcastHandler[T], *, title: str | None = None) -> None:
        """Handle a broadcast (core NATS, each copy gets it)."""
        ...

    async def publish(self, subject: str, event: Contract) -> None:
        """Broadcast to whoever listens now (core NATS); a hint, never a record."""
        ...


@dataclass(frozen=True)
class Route(Generic[T]):
    """How the messages of one durable are handled. ``turn`` is held meanwhile."""

    consumer: streams.Consumer
    read: Read[T]
    handler: EntryHandler[T]
    turn: AbstractAsyncContextManager[Any]

    async def handle(self, entry: Entry) -> None:
        """Read an entry and call the handler; raises Unreadable, and what the handler raises."""
        await self.handler(decode(self.read, entry.data), entry)


class Routes:
    """The durables that one service instance consumes."""

    def __init__(self) -> None:
        self._by_durable: dict[str, Route[Any]] = {}

    def __iter__(self) -> Iterator[Route[Any]]:
        return iter(tuple(self._by_durable.values()))

    def add(self, consumer: streams.Consumer, read: Read[T], handler: EntryHandler[T]) -> Route[T]:
        """Remember who handles a durable's messages, and return that.

        Where the server hands out one message at a time, a dead letter that is sent again takes its turn too.
        """
        turn = asyncio.Lock() if consumer.max_ack_pending == 1 else nullcontext()
        route = self._by_durable[consumer.durable] = Route(consumer, read, handler, turn)
        return route

    def get(self, durable: str) -> Route[Any] | None:
        """Return how a durable's messages are handled, if they are handled here."""
        return self._by_durable.get(durable)


def decode(read: Read[T], raw: bytes, most_bytes: int | None = None) -> T:
    """Read the body of a message.

    Raises:
        Unreadable: ``input.malformed``, ``input.invalid``: the message itself is at fault.
        BadInput: ``input.too_large``.
    """
    if most_bytes is not None and len(raw) > most_bytes:
        raise BadInput(
            "input.too_large",
            f"the message has {len(raw)} bytes; a submission may have {most_bytes}",
            "shorten it; pictures are put beforehand, on their own subject",
        )
    try:
        return read(raw)
    except StrictJsonError as error:
        raise Unreadable("input.malformed", str(error)) from error
    except ValidationError as error:
        raise Unreadable("input.invalid", describe(error)) from error
