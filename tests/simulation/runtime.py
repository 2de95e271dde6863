"""A service in one simulated process: the real kernel and handlers on a simulated bus, ledger, disk and clock.

``services.<name>.wiring.wire`` registers as always. What surrounds a handler is what surrounds it on NATS.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from schemas import flow, streams, subjects
from schemas.events.base import Contract
from services.kernel.base.city import City
from services.kernel.base.errors import OneVoiceError
from services.kernel.projection.snapshots import SnapshotPace
from services.kernel.runtime.compose import Ports, Timings, assemble
from services.kernel.runtime.health import HealthReporter
from services.kernel.runtime.messages.around import Around
from services.kernel.runtime.messages.bus import (
    MAX_SUBMISSION,
    Admit,
    BroadcastHandler,
    EntryHandler,
    Read,
    RequestHandler,
    Route,
    T,
    decode,
)
from services.kernel.runtime.service import LookPace, Runtime
from services.kernel.runtime.startup import Genesis, Wire, begin, register
from tests.simulation.loop import Process
from tests.simulation.network import Network, SimClient, SimDelivery, SimLedger, SimSource
from tests.simulation.server import Durable

START_AGAIN_SECONDS = 1.0

Tell = Callable[[str, str], None]


class SimClock:
    """One machine's clock: ``skew`` seconds ahead of the true time, until somebody puts it right, or wrong."""

    def __init__(self, loop: Any, start: datetime, skew: float) -> None:
        self._loop, self._start, self.skew = loop, start, skew

    def now(self) -> datetime:
        """Return what this machine thinks the time is."""
        return self._start + timedelta(seconds=self._loop.now + self.skew)

    def monotonic(self) -> float:
        """Return seconds that go on also while the process is stopped."""
        return float(self._loop.now)


class SimLog:
    """Writes into the trace; a failure of a handler is remembered as a fault."""

    def __init__(self, tell: Tell, name: str, faults: list[str]) -> None:
        self._tell, self._name, self._faults = tell, name, faults

    def _say(self, event: str, **values: Any) -> None:
        said = " ".join(f"{key}={value}" for key, value in values.items() if key != "exc_info")
        self._tell(self._name, f"{event} {said}".rstrip())

    debug = info = warning = error = _say

    def exception(self, event: str, **values: Any) -> None:
        """Something broke that nobody thought of."""
        error = sys.exc_info()[1]
        if isinstance(error, OneVoiceError):
            self._say(event, error=error.message, **values)  # the ledger was away: no fault of the handler
            return
        self._faults.append(f"{self._name}: {event}: {type(error).__name__}: {error}")
        self._say(event, error=repr(error), **values)


class SimFile:
    """A file of one machine, which outlives its processes; what was written to it may be damaged."""

    def __init__(self) -> None:
        self.raw: bytes | None = None

    def read_bytes(self) -> bytes:
        """Return what it holds; raises FileNotFoundError."""
        if self.raw is None:
            raise FileNotFoundError
        return self.raw


class SimBus:
    """The simulated network as one process uses it (services.kernel.runtime.messages.bus.MessageBus)."""

    def __init__(self, network: Network, process: Process, around: Around) -> None:
        self._network, self._process, self._around = network, process, around

    def consume(
        self,
        consumer: streams.Consumer,
        read: Read[T],
        handler: EntryHandler[T],
        *,
        workers: int = 1,
        title: str | None = None,
    ) -> None:
        """Pull a durable's messages, ``workers`` at a time."""
        self._network.server.durables.setdefault(consumer.durable, Durable(consumer))
        route = self._around.routes.add(consumer, read, handler)
        self._process.spawn(self._pull(route, workers))

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
        """Answer a desk subject."""

        def arrived(user: str, data: bytes, reply: Callable[[bytes], None]) -> None:
            async def answer() -> None:
                async def handle() -> Contract:
                    if admit is not None:
                        admit(user, len(data))
                    return await handler(decode(read, data, most_bytes), user)

                reply(await self._around.serving.answer(user, subjects.desk(base, user), handle))

            if self._process.alive:
                self._process.spawn(answer())

        self._network.desks.setdefault(base, []).append((self._process, arrived))

    def subscribe(self, subject: str, read: Read[T], handler: BroadcastHandler[T], *, title: str | None = None) -> None:
        """Hear a broadcast."""

        def arrived(data: bytes) -> None:
            async def handle() -> None:
                await handler(decode(read, data))

            if self._process.alive:
                self._process.spawn(self._around.subscribing.handle(subject, handle))

        self._network.hearers.setdefault(subject, []).append((self._process, arrived))

    async def publish(self, subject: str, event: Contract) -> None:
        """Broadcast."""
        self._network.broadcast(self._process, subject, event.to_bytes())

    async def _pull(self, route: Route[Any], workers: int) -> None:
        free = asyncio.Semaphore(workers)
        loop = asyncio.get_running_loop()
        while True:
            await free.acquire()
            future: asyncio.Future[SimDelivery] = loop.create_future()
            self._network.pull(self._process, route.consumer.durable, future)
            delivery = await future
            if workers == 1:
                await self._handle(route, delivery, free)
            else:
                self._process.spawn(self._handle(route, delivery, free))

    async def _handle(self, route: Route[Any], delivery: SimDelivery, free: asyncio.Semaphore) -> None:
        await self._around.consuming.handle(delivery, lambda: route.handle(delivery.entry))
        free.release()


class SimHealth(HealthReporter):
    """Only who posts is watched here: the barrier and the board want to know whether it lives."""

    async def publish(self) -> None:
        """Say that this instance lives."""
        if self._row.posts:
            await super().publish()


class SimService:
    """A service instance in one simulated process."""

    def __init__(
        self,
        name: str,
        city: City,
        network: Network,
        process: Process,
        clock: SimClock,
        log: SimLog,
        disk: SimFile,
        mark: SimFile,
    ) -> None:
        row, ledger = flow.service(name), SimLedger()
        ledger.bind(SimClient(network, process))  # type: ignore[arg-type]
        ports = Ports(
            instance=process.name,
            clock=clock,
            log=log,
            ledger=ledger,
            source=SimSource(network, process, ledger),
            snapshot_path=disk,  # type: ignore[arg-type]
            mark_path=mark,  # type: ignore[arg-type]
            spawn=process.spawn,
            # A run has some fifty entries; nothing waits for the idle looks, which may be rarer.
            timings=Timings(snapshots=SnapshotPace(4.0, 6), looks=LookPace(sweep=2.5, barrier=3.0)),
        )
        runtime, _ = assemble(row, city, ports, lambda around, *_: SimBus(network, process, around), SimHealth)
        self.runtime = runtime
        runtime.watch.mark_path = mark if row.posts else None  # type: ignore[assignment]
        if row.posts:
            runtime.supervisor.supervise(runtime.health.run)
            runtime.supervisor.supervise(runtime.watch.run)
        network.links[process.name] = (process, runtime.projection.reconnected)

    async def run(self, wire: Wire, genesis: Genesis | None) -> None:
        """Begin as on NATS: wait for the manifest, register, take up the background work."""
        runtime = self.runtime
        while True:
            try:
                await begin(runtime, genesis)
                break
            except Exception as error:
                runtime.log.warning("not started", error=str(error))
                await asyncio.sleep(START_AGAIN_SECONDS)
        register(runtime, wire)
        runtime.supervisor.start()


__all__ = ["Runtime", "SimBus", "SimClock", "SimFile", "SimLog", "SimService"]
