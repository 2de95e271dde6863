"""A client that is closed while it connects again ends, also where its cancellation is lost."""

from __future__ import annotations

import asyncio

from tests.support.mission import PATIENCE, Mission


async def test_a_closed_client_connects_no_more_though_its_cancellation_was_lost(mission: Mission) -> None:
    client = (await mission.provisioner()).client
    tried = asyncio.Event()

    async def refused(*_: object, **__: object) -> None:
        """Lose a cancellation in a connection that is refused, as ``asyncio.wait_for`` of Python 3.11 may."""
        tried.set()
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            raise ConnectionRefusedError from None

    assert client._transport is not None
    client._transport.connect = refused  # type: ignore[method-assign]
    await mission.broker.stop()
    await asyncio.wait_for(tried.wait(), PATIENCE)
    connecting = client._reconnection_task
    assert connecting is not None
    await client.close()
    _, going_on = await asyncio.wait({connecting}, timeout=PATIENCE)
    connecting.cancel()
    assert not going_on, "it connects again and again, and no process ends before its last task"
