"""The message bus on NATS with FastStream passes the suite of every bus."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from nats.aio.msg import Msg

from schemas import streams, subjects
from services.provision import read_envelope
from tests.support.bus_contract import BusContract, BusStage, Handlers
from tests.support.mission import Mission, flushed


class TestFastStream(BusContract):
    """One service on a real broker."""

    @pytest.fixture
    async def stage(self, mission: Mission) -> BusStage:
        await mission.begin()
        handlers = Handlers()
        runtime = await mission.run_with("eoc_state", handlers.wire)
        provisioner, cao = await mission.provisioner(), await mission.desk("cao")
        writer, fanout = await mission.writer("eoc_state"), await mission.writer("fanout")

        async def ask(raw: bytes) -> dict[str, Any]:
            return await cao.ask(subjects.DESK_EOC_ORDER, raw)

        async def listen(subject: str) -> asyncio.Queue[bytes]:
            queue: asyncio.Queue[bytes] = asyncio.Queue()

            async def heard(message: Msg) -> None:
                queue.put_nowait(message.data)

            await fanout.client.subscribe(subject, cb=heard)
            await flushed(fanout.client)
            return queue

        async def pending() -> int:
            consumer = streams.EOC_STATE_CONTROL
            info = await provisioner.js.consumer_info(consumer.stream, consumer.durable)
            return int(info.num_ack_pending or 0)

        return BusStage(
            handlers=handlers,
            runtime=runtime,
            ledger=writer.ledger,
            reader=provisioner.ledger,
            order=read_envelope(mission.city),
            ask=ask,
            broadcast=fanout.client.publish,
            listen=listen,
            pending=pending,
        )
