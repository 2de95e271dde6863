"""What the second copy takes in one piece: what comes close together, and not without end."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from nats.aio.msg import Msg

from schemas.streams import AUDIT_COPY
from services.audit.pull import Puller
from tests.support.broker import PATIENCE


class Broker:
    """A connection that takes what is asked."""

    def new_inbox(self) -> str:
        """Return an inbox."""
        return "_INBOX.x"

    async def publish(self, _subject: str, _payload: bytes, reply: str = "") -> None:
        """Take a question."""


def message() -> Msg:
    return Msg(cast(Any, Broker()), "ledger.receipt.p.r", "", b"{}", None)


async def test_what_follows_close_on_another_comes_along_until_it_has_been_long_enough() -> None:
    """While a message goes out to many profiles something comes all the time: it is written all the same."""
    puller = Puller(cast(Any, Broker()), AUDIT_COPY, 10_000)

    async def without_end() -> None:
        while True:
            await puller._on_message(message())
            await asyncio.sleep(0.005)

    coming = asyncio.create_task(without_end())
    async with asyncio.timeout(PATIENCE):
        first = await puller.batch(1.0, 0.05, 0.15)
    coming.cancel()
    assert len(first) > 1
    assert await puller.batch(0.01, 0.05, 0.15) == []


async def test_a_full_batch_waits_for_nothing_more() -> None:
    puller = Puller(cast(Any, Broker()), AUDIT_COPY, 2)
    for _ in range(3):
        await puller._on_message(message())
    async with asyncio.timeout(PATIENCE):
        assert len(await puller.batch(1.0, 600.0, 600.0)) == 2
