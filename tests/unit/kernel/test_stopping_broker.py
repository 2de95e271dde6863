"""A broker's connection stops while a message arrives: nothing is said of what the broker hands out again anyway."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from anyio import ClosedResourceError
from faststream.nats import JStream, PullSub

from services.kernel.runtime.messages.encrypted_broker import EncryptedBroker


class ArrivesLate:
    """A pull subscription whose message comes together with the cancellation, which Python 3.11 loses then."""

    async def fetch(self, **_: object) -> list[bytes]:
        """Wait until cancelled; return a message all the same."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return [b"{}"]
        raise AssertionError("it waits for ever")

    async def unsubscribe(self) -> None:
        """End it."""


async def nothing(_message: object) -> None:
    """Handle a message."""


async def said_at_stop(error: Exception | None) -> list[dict[str, Any]]:
    """What the loop is told of a task that fetches, stopped so; ``error``: what its queue says, if not the real one."""
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    broker = EncryptedBroker("nats://127.0.0.1:1", logger=None)
    pull = PullSub(batch_size=1, timeout=1.0)
    stream = JStream("LEDGER", declare=False)
    made: Any = broker.subscriber("ledger.>", durable="some", stream=stream, pull_sub=pull, max_workers=2)
    made(nothing)
    broker._setup_logger()

    async def put(message: object) -> None:
        if error is not None:
            raise error
        await made._put_msg(message)

    made.running, made.subscription = True, ArrivesLate()
    made.add_task(made._consume_pull, func_kwargs={"cb": put})
    tasks = list(made.tasks)
    await asyncio.sleep(0)
    await broker.stop()
    await asyncio.wait(tasks)
    await asyncio.sleep(0)
    assert not tasks[0].cancelled(), "its message came, and the cancellation was lost"
    del tasks
    gc.collect()
    return said


async def test_a_message_that_arrives_while_the_connection_stops_is_no_error() -> None:
    assert await said_at_stop(None) == []


@pytest.mark.parametrize("error", [ValueError("another"), ExceptionGroup("two", [ClosedResourceError(), ValueError()])])
async def test_any_other_error_is_said(error: Exception) -> None:
    [context] = await said_at_stop(error)
    assert isinstance(context["exception"], ExceptionGroup)
    assert context["exception"].subgroup(ValueError) is not None
    assert context["exception"].subgroup(ClosedResourceError) is None
