"""The simulated message bus passes the suite of the real one: handlers run in the simulation as they do on NATS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from schemas import streams, subjects
from schemas.events.control import Genesis
from services.kernel.base.clock import SystemClock
from services.kernel.base.tasks import cancel_all
from services.provision import read_envelope
from tests.simulation.network import Network, SimClient, SimLedger
from tests.simulation.realtime import LivingProcess, RealTimeLoop
from tests.simulation.run import town
from tests.simulation.runtime import SimFile, SimLog, SimService
from tests.simulation.server import Durable, Server
from tests.support.bus_contract import BusContract, BusStage, Handlers
from tests.support.mission import now


async def test_what_is_to_come_again_soon_does_not_wait_for_an_ack_that_is_due_later() -> None:
    server, control = Server(now, Random(1)), streams.EOC_STATE_CONTROL
    network: Any = Network(RealTimeLoop(), server, Random(2))  # type: ignore[arg-type]
    ledger, puller = SimLedger(), LivingProcess()
    ledger.bind(SimClient(network, puller))  # type: ignore[arg-type]
    await ledger.append(subjects.CONTROL, Genesis(at=now(), manifest=read_envelope(town().city)), expect_last=0)
    server.durables[control.durable] = Durable(control)
    first, again = (asyncio.get_running_loop().create_future() for _ in range(2))
    network.pull(puller, control.durable, first)
    delivery = await asyncio.wait_for(first, control.ack_wait / 2)
    network.pull(puller, control.durable, again)
    await asyncio.sleep(0.05)  # it is there at the server, which knows only of the ack that is due
    await delivery.nak(0.1)
    assert (await asyncio.wait_for(again, control.ack_wait / 2)).count == 2


class TestSimulated(BusContract):
    """One service on the simulated network."""

    @pytest.fixture
    async def stage(self) -> AsyncIterator[BusStage]:
        server, process, city = Server(now, Random(1)), LivingProcess(), town().city
        network: Any = Network(RealTimeLoop(), server, Random(2))  # type: ignore[arg-type]
        ledger = SimLedger()
        ledger.bind(SimClient(network, LivingProcess()))  # type: ignore[arg-type]
        await ledger.append(subjects.CONTROL, Genesis(at=now(), manifest=read_envelope(city)), expect_last=0)
        handlers, log, clock = Handlers(), SimLog(lambda *_: None, "eoc_state", []), SystemClock()
        parts: Any = (network, process, clock, log, SimFile(), SimFile())
        service = SimService("eoc_state", city, *parts)
        await service.run(handlers.wire, None)

        async def ask(raw: bytes) -> dict[str, Any]:
            answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            network.ask(subjects.DESK_EOC_ORDER, "cao", raw, answer.set_result)
            found: dict[str, Any] = json.loads(await asyncio.wait_for(answer, 10))
            return found

        async def broadcast(subject: str, raw: bytes) -> None:
            network.broadcast(None, subject, raw)

        async def listen(subject: str) -> asyncio.Queue[bytes]:
            queue: asyncio.Queue[bytes] = asyncio.Queue()
            network.hearers.setdefault(subject, []).append((process, queue.put_nowait))
            return queue

        async def pending() -> int:
            durable = server.durables[streams.EOC_STATE_CONTROL.durable]
            return len(durable.pending) + len(durable.again)

        yield BusStage(
            handlers=handlers,
            runtime=service.runtime,
            ledger=ledger,
            reader=ledger,
            order=read_envelope(city),
            ask=ask,
            broadcast=broadcast,
            listen=listen,
            pending=pending,
        )
        await cancel_all(*process.tasks)
