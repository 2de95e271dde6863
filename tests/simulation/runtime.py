"""The real ``Runtime``, with the simulated network in place of FastStream's broker; handlers run in it unchanged.

``services.<name>.wiring.wire`` registers as always. What surrounds a handler is the real middleware.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any, get_type_hints

from schemas import flow, streams, subjects
from schemas.events.base import Contract
from services.kernel.base.city import City
from services.kernel.base.errors import OneVoiceError
from services.kernel.control.control_view import authority_of
from services.kernel.fold.ledger_fold import EVERYTHING, LedgerFold
from services.kernel.projection.projection import Projection
from services.kernel.runtime.failure_counter import Counter
from services.kernel.runtime.messages import desk_json, raw_bytes, strict_json
from services.kernel.runtime.middleware import ServiceMiddleware
from services.kernel.runtime.service import Runtime, Work
from tests.simulation.loop import Process
from tests.simulation.network import Network, SimClient, SimLedger, SimSource
from tests.simulation.once import READ
from tests.simulation.server import Durable

Tell = Callable[[str, str], None]


class SimClock:
    """One process's clock: ``skew`` seconds ahead of the true time."""

    def __init__(self, loop: Any, start: datetime, skew: float) -> None:
        self._loop, self._start = loop, start + timedelta(seconds=skew)

    def now(self) -> datetime:
        """Return what this machine thinks the time is."""
        return self._start + timedelta(seconds=self._loop.now)

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


class SimRuntime(Runtime):
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
        super().__init__(flow.service(name), city, clock)
        self.log = log  # type: ignore[assignment]
        self.network, self.process = network, process
        self.ledger.__class__ = SimLedger  # who holds it already goes on holding it
        self.ledger.bind(SimClient(network, process))  # type: ignore[arg-type]
        self.source = SimSource(network, process, self.ledger)
        self.projection = Projection(
            self.source, LedgerFold(authority_of(city), EVERYTHING), self.ledger, clock, self.log
        )
        self.snapshots._path = disk  # type: ignore[assignment]
        self.watch.mark_path = mark if self.row.posts else None  # type: ignore[assignment]
        network.links[process.name] = (process, self.projection.reconnected)
        self.tries = Counter(self.ledger, clock, self.log)
        self.instance = process.name
        self._middleware: Any = type("BoundMiddleware", (ServiceMiddleware,), {"runtime": self})

    def _broker(self, url: str | None) -> Any:
        """There is none: the simulated network is in its place."""

    # --- registering --------------------------------------------------------------------------------------

    def consume(
        self, consumer: streams.Consumer, *, workers: int = 1, title: str | None = None, **_options: Any
    ) -> Any:
        """Pull a durable's messages, ``workers`` at a time."""
        if consumer.max_ack_pending == 1:
            self._turns[consumer.durable] = asyncio.Lock()
        return self._durable(consumer, None, title, workers=workers)

    def _durable(self, consumer: streams.Consumer, pull_sub: Any, title: str | None, **options: Any) -> Any:
        workers: int = options.get("workers", 1)
        self.network.server.durables.setdefault(consumer.durable, Durable(consumer))

        def register(handler: Any) -> Any:
            self.process.spawn(self._pull(consumer.durable, workers, handler))
            return handler

        return register

    def serve(
        self, base: str, *, workers: int = 8, raw: bool = False, title: str | None = None, **_options: Any
    ) -> Any:
        """Answer a desk subject."""
        decoder = raw_bytes if raw else desk_json

        def register(handler: Any) -> Any:
            def arrived(user: str, data: bytes, reply: Callable[[bytes], None]) -> None:
                if self.process.alive:
                    self.process.spawn(self._answer(base, user, data, reply, decoder, handler))

            self.network.desks.setdefault(base, []).append((self.process, arrived))
            return handler

        return register

    def hear(self, subject: str, *, title: str | None = None) -> Any:
        """Hear a broadcast."""

        def register(handler: Any) -> Any:
            def arrived(data: bytes) -> None:
                if self.process.alive:
                    raw = SimpleNamespace(subject=subject, reply="", data=data, headers={})
                    self.process.spawn(self._handle(raw, strict_json, handler))

            self.network.hearers.setdefault(subject, []).append((self.process, arrived))
            return handler

        return register

    # --- life ---------------------------------------------------------------------------------------------

    async def run(self, wire: Callable[[Runtime], None], genesis: Work | None) -> None:
        """Begin as the real one does: wait for the manifest, register, take up the background work."""
        while True:
            try:
                await self.watch.begin()
                if self.row.folds:
                    await self._start_projection()
                await self._await_manifest(genesis)
                break
            except Exception as error:
                self.log.warning("not started", error=str(error))
                await asyncio.sleep(1.0)
        self._wire = wire
        self._register()
        beats = [self._beat, self.watch.run] if self.row.posts else []
        following = [self.projection.run, self.snapshots.keep] if self.row.folds else []
        for work in (*following, *self._work, *beats):
            self.process.spawn(self._keep(work))

    async def heartbeat(self) -> None:
        """Only who posts is watched here: the barrier and the board want to know whether it lives."""
        if self.row.posts:
            await super().heartbeat()

    async def _pull(self, durable: str, workers: int, handler: Any) -> None:
        free = asyncio.Semaphore(workers)
        loop = asyncio.get_running_loop()
        while True:
            await free.acquire()
            future: asyncio.Future[Any] = loop.create_future()
            self.network.pull(self.process, durable, future)
            raw = await future
            if workers == 1:
                await self._handle(raw, strict_json, handler)
                free.release()
            else:
                self.process.spawn(self._handle_and_free(raw, handler, free))

    async def _handle_and_free(self, raw: Any, handler: Any, free: asyncio.Semaphore) -> None:
        await self._handle(raw, strict_json, handler)
        free.release()

    async def _handle(self, raw: Any, decoder: Any, handler: Any) -> Any:
        message = SimpleNamespace(raw_message=raw, body=raw.data)

        async def call_next(_message: Any) -> Any:
            return await handler(**await _arguments(handler, message, decoder))

        return await self._middleware(message, context=None).consume_scope(call_next, message)

    async def _answer(
        self, base: str, user: str, data: bytes, reply: Callable[[bytes], None], decoder: Any, handler: Any
    ) -> None:
        raw = SimpleNamespace(subject=subjects.desk(base, user), reply="_INBOX.desk", data=data, headers={})
        reply(await self._handle(raw, decoder, handler))


@cache
def _plan(function: Any) -> tuple[tuple[str, Any, Any], ...]:
    """Return for each parameter its name, the contract that it wants, and the dependency that gives it."""
    hints = get_type_hints(function, include_extras=True)
    found: list[tuple[str, Any, Any]] = []
    for name in inspect.signature(function).parameters:
        if name == "self":
            continue
        hint = hints[name]
        depends = next((extra for extra in getattr(hint, "__metadata__", ()) if hasattr(extra, "dependency")), None)
        contract = hint if inspect.isclass(hint) and issubclass(hint, Contract) else None
        found.append((name, contract, depends.dependency if depends else None))
    return tuple(found)


async def _arguments(handler: Any, message: Any, decoder: Any) -> dict[str, Any]:
    """Fill a handler's parameters as FastStream does: the body by its contract, the rest by dependencies."""
    filled: dict[str, Any] = {}
    for name, contract, dependency in _plan(getattr(handler, "__func__", handler)):
        if dependency is not None:
            filled[name] = dependency(message)
        elif contract is not None and (known := READ.get((contract, message.body))) is not None:
            filled[name] = known
        elif contract is not None:
            filled[name] = contract.from_value(await decoder(message))
            READ.keep(contract, message.body, filled[name])
        else:
            filled[name] = await decoder(message)
    return filled


__all__ = ["SimClock", "SimFile", "SimLog", "SimRuntime"]
