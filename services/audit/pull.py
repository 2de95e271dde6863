"""Pulls the ledger in batches as large as what is there, at once: the copy has to keep up with all services together.

FastStream's batch subscriber waits out its time-out for each batch that is not full, acks one by one, and was
measured at a quarter of this, with pauses of a whole ``ack_wait``. Here one pull request is open at a time; acks
are not waited for: an entry whose ack was lost comes again, and is compared.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from schemas.streams import SERVICE_API, Consumer
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import Drift

EXPIRES = 5.0
"""Seconds that a pull request is open; the server says when it ends."""

_OVERDUE = EXPIRES + 2.0


class Puller:
    """Takes messages from a provisioned durable. ``start`` it once, then ask for ``batch`` after batch."""

    def __init__(self, client: Client, consumer: Consumer, size: int) -> None:
        self._client, self._consumer, self._size = client, consumer, size
        self._waiting: deque[Msg] = deque()
        self._arrived = asyncio.Event()
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._open, self._asked_at = 0, 0.0
        self._gone = False

    async def start(self) -> None:
        """Begin to listen."""
        self._subscription = await self._client.subscribe(self._inbox, cb=self._on_message)

    async def stop(self) -> None:
        """Listen no more; what was not acknowledged comes again to whoever pulls next."""
        if self._subscription is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()

    async def batch(self, wait: float, gather: float = 0.0, longest: float = 0.0) -> list[Msg]:
        """Return what is there, up to the size; an empty list when nothing came within ``wait`` seconds.

        What follows within ``gather`` seconds of the one before comes along, for ``longest`` seconds or once that time,
        unless the batch is full before.

        Raises:
            Drift: the durable is gone, or the broker's JetStream does not answer for it.
        """
        await self._ask()
        if not self._waiting:
            self._arrived.clear()
            try:
                async with asyncio.timeout(wait):  # unlike wait_for, it loses no cancellation on 3.11
                    await self._arrived.wait()
            except TimeoutError:
                return []
        if self._gone:
            raise Drift(
                "broker.drift", f"nobody answers for the durable {self._consumer.durable}", "onevoice provision"
            )
        end, before = monotonic() + longest, 0
        while before < len(self._waiting) < self._size and (not before or monotonic() < end):
            before = len(self._waiting)
            await asyncio.sleep(gather)
        return [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]

    async def _ask(self) -> None:
        """Keep one request open; ask again when it is used up, ended, or was lost with a connection."""
        if self._open > 0 and monotonic() - self._asked_at < _OVERDUE:
            return
        self._open, self._asked_at = self._size, monotonic()
        query = {"batch": self._size, "expires": int(EXPIRES * 1e9)}
        subject = f"{SERVICE_API}.CONSUMER.MSG.NEXT.{self._consumer.stream}.{self._consumer.durable}"
        await self._client.publish(subject, json.dumps(query).encode(), reply=self._inbox)

    async def _on_message(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status")
        if status is None:
            self._open -= 1
            self._waiting.append(message)
        elif status != "100":  # 404, 408, 409: this request has ended; 503: nobody takes it
            self._open = 0
            deleted = "Consumer Deleted" in (message.headers or {}).get("Description", "")
            self._gone = self._gone or deleted or status == "503"
        self._arrived.set()
