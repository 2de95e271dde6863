"""The message bus on NATS, by way of FastStream: a router for each kind of message, with its own middleware.

Streams and durables are only compared with ``schemas.streams``, never declared here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import cached_property, partial
from typing import Any

import nats.errors
from faststream import AckPolicy, BaseMiddleware
from faststream.message import StreamMessage
from faststream.nats import JStream, NatsBroker, NatsMessage, NatsRouter, PullSub
from nats.aio.client import Client
from nats.aio.msg import Msg

from schemas import cloudevents, flow, streams, subjects
from schemas.events.base import Contract
from services.kernel.base.errors import Unreachable
from services.kernel.ledger.entry import Entry
from services.kernel.runtime.messages.around import Around
from services.kernel.runtime.messages.bus import (
    ACK_SECONDS,
    MAX_SUBMISSION,
    Admit,
    BroadcastHandler,
    EntryHandler,
    Read,
    RequestHandler,
    T,
    decode,
)
from services.kernel.runtime.messages.consuming import Consuming
from services.kernel.runtime.messages.dependencies import received, to_entry
from services.kernel.runtime.messages.encrypted_broker import CONNECT_SECONDS
from services.kernel.runtime.messages.serving import Serving, Subscribing

FETCH_SECONDS = 2.5
"""How long one fetch is open. A broker that was killed forgets it, and the client waits it out: so long takes it at
most after a reconnection until messages flow again.
"""

CONNECT_AGAIN_SECONDS = 0.5

CallNext = Callable[[Any], Awaitable[Any]]


class NatsDelivery:
    """A message of a durable, as NATS delivers it (services.kernel.runtime.messages.bus.Delivery)."""

    def __init__(self, raw: Msg) -> None:
        self._raw = raw

    @property
    def durable(self) -> str:
        """The durable that handed it out."""
        return str(self._raw.metadata.consumer)

    @cached_property
    def entry(self) -> Entry:
        """What it is, and where it is in its stream."""
        return to_entry(self._raw)

    @property
    def count(self) -> int:
        """How often it was handed out."""
        return self._raw.metadata.num_delivered or 1

    async def ack(self) -> bool:
        """Say that it is done, and wait for the server's word."""
        try:
            await self._raw.ack_sync(timeout=ACK_SECONDS)
        except (TimeoutError, nats.errors.Error):
            return False
        return True

    async def nak(self, delay: float) -> None:
        """Ask for it again."""
        with contextlib.suppress(nats.errors.Error):  # without it the message comes again after ack_wait
            await self._raw.nak(delay=delay)

    async def in_progress(self) -> None:
        """Ask for more time."""
        with contextlib.suppress(nats.errors.Error):  # the next one, or a redelivery, makes up for it
            await self._raw.in_progress()


class LedgerMiddleware(BaseMiddleware[Any, Any]):
    """Around the handlers of durables."""

    def __init__(self, msg: Any, /, *, context: Any, consuming: Consuming) -> None:
        super().__init__(msg, context=context)
        self._consuming = consuming

    async def consume_scope(self, call_next: CallNext, msg: StreamMessage[Any]) -> None:
        """Settle the message by how its handler ends."""
        received.set(msg.raw_message)
        await self._consuming.handle(NatsDelivery(msg.raw_message), lambda: call_next(msg))


class DeskMiddleware(BaseMiddleware[Any, Any]):
    """Around the handlers of desk requests."""

    def __init__(self, msg: Any, /, *, context: Any, serving: Serving) -> None:
        super().__init__(msg, context=context)
        self._serving = serving

    async def consume_scope(self, call_next: CallNext, msg: StreamMessage[Any]) -> bytes:
        """Turn the handler's end into a reply."""
        received.set(msg.raw_message)
        subject = msg.raw_message.subject
        return await self._serving.answer(subjects.sender_of(subject), subject, lambda: call_next(msg))


class BroadcastMiddleware(BaseMiddleware[Any, Any]):
    """Around the handlers of broadcasts."""

    def __init__(self, msg: Any, /, *, context: Any, subscribing: Subscribing) -> None:
        super().__init__(msg, context=context)
        self._subscribing = subscribing

    async def consume_scope(self, call_next: CallNext, msg: StreamMessage[Any]) -> None:
        """Log what fails."""
        await self._subscribing.handle(msg.raw_message.subject, lambda: call_next(msg))


class FastStreamBus:
    """One service instance's connection (services.kernel.runtime.messages.bus.MessageBus)."""

    def __init__(self, row: flow.Service, around: Around, broker: NatsBroker, log: Any) -> None:
        self._row, self._routes, self._log = row, around.routes, log
        self._client: Client | None = None
        self._ledger = NatsRouter(middlewares=[partial(LedgerMiddleware, consuming=around.consuming)])
        self._desk = NatsRouter(middlewares=[partial(DeskMiddleware, serving=around.serving)])
        self._broadcasts = NatsRouter(middlewares=[partial(BroadcastMiddleware, subscribing=around.subscribing)])
        self.broker = broker
        self.broker.include_routers(self._ledger, self._desk, self._broadcasts)

    def consume(
        self,
        consumer: streams.Consumer,
        read: Read[T],
        handler: EntryHandler[T],
        *,
        workers: int = 1,
        title: str | None = None,
    ) -> None:
        """Handle what a provisioned durable hands out.

        One message is fetched at a time: nats-py's fetch of several waits its whole time-out for the rest.
        """
        self._routes.add(consumer, read, handler)
        options: dict[str, Any] = {"max_workers": workers} if workers > 1 else {}
        self._ledger.subscriber(
            consumer.filter_subject,
            durable=consumer.durable,
            stream=JStream(consumer.stream, declare=False),
            pull_sub=PullSub(batch_size=1, timeout=FETCH_SECONDS),
            inbox_prefix=f"_INBOX_{self._row.user}.".encode(),
            ack_policy=AckPolicy.MANUAL,
            decoder=_decoder(read),
            no_reply=True,
            title=title or consumer.durable,
            **options,
        )(handler)

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
        """Answer a desk subject, which all copies of the service share."""
        self._desk.subscriber(
            subjects.every_user(base),
            queue=self._row.user,
            max_workers=workers,
            ack_policy=AckPolicy.MANUAL,
            decoder=_desk_decoder(read, most_bytes, admit),
            title=title or base,
        )(handler)

    def subscribe(self, subject: str, read: Read[T], handler: BroadcastHandler[T], *, title: str | None = None) -> None:
        """Handle a broadcast."""
        self._broadcasts.subscriber(
            subject, ack_policy=AckPolicy.MANUAL, decoder=_decoder(read), no_reply=True, title=title or subject
        )(handler)

    async def publish(self, subject: str, event: Contract) -> None:
        """Broadcast; raises Unreachable before ``connect``."""
        if self._client is None:
            raise Unreachable("broker.unreachable", "the bus is not connected", "wait for the broker")
        await self._client.publish(subject, event.to_bytes())

    async def connect(self) -> Client:
        """Return the connected client; waits for the broker."""
        waiting = False
        while True:
            try:
                self._client = await asyncio.wait_for(self.broker.connect(), timeout=CONNECT_SECONDS)
            except (TimeoutError, nats.errors.Error, OSError) as error:
                if not waiting:
                    self._log.warning("waiting for the broker", error=str(error) or type(error).__name__)
                waiting = True
                await asyncio.sleep(CONNECT_AGAIN_SECONDS)
            else:
                return self._client

    async def listening(self) -> None:
        """Wait until the broker has taken every subscription in: what is said before is lost, without a trace.

        nats-py writes its PING past what still waits to be written: only the second one comes behind it.
        """
        if self._client is not None:
            with contextlib.suppress(TimeoutError, nats.errors.Error):  # a reconnection subscribes again
                await self._client.flush(timeout=int(CONNECT_SECONDS))
                await self._client.flush(timeout=int(CONNECT_SECONDS))


def _decoder(read: Read[T]) -> Callable[[NatsMessage], Awaitable[T]]:
    """Return FastStream's decoder for a subscriber: the handler gets what ``read`` makes of the body."""

    async def decoder(message: NatsMessage) -> T:
        return decode(read, message.body)

    return decoder


def _desk_decoder(read: Read[T], most_bytes: int, admit: Admit | None) -> Callable[[NatsMessage], Awaitable[T]]:
    """Return the decoder for what comes from outside, where a CloudEvent may have its attributes in headers."""

    async def decoder(message: NatsMessage) -> T:
        if admit is not None:
            admit(subjects.sender_of(message.raw_message.subject), len(message.body))
        headers = message.raw_message.headers
        return decode(lambda body: read(cloudevents.structured(body, headers)), message.body, most_bytes)

    return decoder
