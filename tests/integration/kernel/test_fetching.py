"""What fetches messages rests where the broker says at once that nobody hands them out."""

from __future__ import annotations

import asyncio

import nats.js.errors
import pytest

from schemas import streams
from tests.support.mission import Mission


async def test_a_fetch_that_nobody_answers_is_no_endless_loop(mission: Mission) -> None:
    """While three brokers elect a leader each durable said so thousands of times a second, to nine readers."""
    js = (await mission.provisioner()).client.jetstream(prefix=streams.OWN_API)
    subscription = await js.pull_subscribe("ledger.request.>", durable="nobody", stream=streams.LEDGER)
    await js.delete_consumer(streams.LEDGER, "nobody")
    fetches = 0

    async def ask() -> None:
        nonlocal fetches
        while True:
            fetches += 1
            with pytest.raises((TimeoutError, nats.js.errors.ServiceUnavailableError)):
                await subscription.fetch(1, 5.0)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.0):
            await ask()
    assert fetches <= 5
