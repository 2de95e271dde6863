"""The simulated network, and a NATS client on it: what the real ``Ledger`` is bound to.

Messages between a process and the server are delayed, and by chance dropped, doubled or overtaken; a process may be cut
off. What is sent while the server is away is lost or kept by the client and sent later, as nats-py does: so an append
whose sender gave up may be stored after all. The feed comes in order on each connection, with gaps; a batch is torn by
what breaks a connection, and its commit's ack may be lost when it is stored.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import nats.errors
import nats.js.errors
from nats.js.api import RawStreamMsg

from schemas import streams, subjects
from services.kernel.base.errors import Unreachable
from services.kernel.ledger.asking import ask_again
from services.kernel.ledger.client import Entry, Ledger
from services.kernel.ledger.integrity.checks import Shape
from services.kernel.projection.source import SILENCE_SECONDS, TRIES, OnEntry
from services.kernel.runtime.messages.bus import ACK_SECONDS
from tests.simulation.loop import OWNER, Process, VirtualLoop
from tests.simulation.server import Ack, Durable, Part, Refused, Server, fits

PULL_SECONDS = 5.0
ROUNDING = 1e-6
"""Seconds by which an alarm may ring too early: then it is set once more."""

KEPT_SECONDS = 4.0
"""How long a client keeps what it could not send."""


@dataclass
class Weather:
    """How bad the network is: chances per message, and the longest usual delay in seconds.

    ``behind``: so many seconds late the feed may be. ``lag``: the chance that a replica that answers a read is some
    entries behind. ``torn``: the chance that a batch breaks off; ``unacked``: that the ack of a stored one is lost.
    """

    drop: float = 0.0
    double: float = 0.0
    slow: float = 0.0
    delay: float = 0.004
    behind: float = 0.0
    lag: float = 0.0
    torn: float = 0.0
    unacked: float = 0.0


@dataclass
class Feed:
    """One connection's subscription to the feed: what arrives, arrives in order."""

    process: Process
    on_entry: OnEntry
    newest: float = 0.0


class Network:
    """Carries messages between processes and the server.

    ``cut``: who has no network; ``lossy``: how many of whose messages are lost.
    """

    def __init__(self, loop: VirtualLoop, server: Server, rng: Random) -> None:
        self.loop, self.server, self.rng = loop, server, rng
        self.weather = Weather()
        self.cut: set[str] = set()
        self.lossy: dict[str, float] = {}
        self.feeds: dict[str, Feed] = {}
        self.links: dict[str, tuple[Process, Callable[[], None]]] = {}
        server.ledger.listeners.append(self._feed)
        self.hearers: dict[str, list[tuple[Process, Callable[[bytes], None]]]] = {}
        self.desks: dict[str, list[tuple[Process, Callable[[str, bytes, Callable[[bytes], None]], None]]]] = {}
        self._waiting: dict[str, list[tuple[Process, asyncio.Future[Any]]]] = {}
        self._alarms: dict[str, float] = {}

    def carry(self, process: Process | None, arrive: Callable[[], None]) -> None:
        """Let a message arrive after a while, or not, or twice; nothing arrives from or at a dead process."""
        rng, weather = self.rng, self.weather
        if process is not None and not process.alive:
            return
        if process is not None and process.stopped and OWNER.get() is process:
            self.loop.call_soon(self.carry, process, arrive)  # stopped in this very step: it sends when it goes on
            return
        if not self.server.up or (process is not None and process.name in self.cut):
            if rng.random() < 0.5:
                self.loop.outside(rng.uniform(0.0, KEPT_SECONDS), self._again, process, arrive)
            return
        if rng.random() < max(weather.drop, self.lossy.get(process.name, 0.0) if process else 0.0):
            return
        times = 2 if rng.random() < weather.double else 1
        for _ in range(times):
            delay = rng.uniform(0.0002, weather.delay)
            if rng.random() < weather.slow:
                delay += rng.uniform(0.05, 2.0)
            self.loop.outside(delay, self._arrive, process, arrive)

    def _again(self, process: Process | None, arrive: Callable[[], None]) -> None:
        if self.server.up and not (process is not None and (process.name in self.cut or not process.alive)):
            arrive()

    def _arrive(self, process: Process | None, arrive: Callable[[], None]) -> None:
        if self.server.up:
            arrive()

    # --- the feed -----------------------------------------------------------------------------------------

    def reconnect(self, names: set[str] | None = None) -> None:
        """Clients are told that their connection is back; ``names``: whose, all by default."""
        for name, (process, told) in list(self.links.items()):
            if not process.alive:
                del self.links[name]
            elif names is None or name in names:
                process.call(told)

    def _feed(self, entry: Entry) -> None:
        """Send a stored entry to who subscribes: core NATS, so that what is lost is not sent again."""
        rng, weather, now = self.rng, self.weather, self.loop.now
        for name, feed in list(self.feeds.items()):
            if not feed.process.alive:
                del self.feeds[name]
                continue
            if name in self.cut or rng.random() < max(weather.drop, self.lossy.get(name, 0.0)):
                continue
            when = now + rng.uniform(0.0002, weather.delay)
            if weather.behind and rng.random() < 0.3:
                when += rng.uniform(0.0, weather.behind)
            if rng.random() < weather.slow:
                when += rng.uniform(0.05, 2.0)
            feed.newest = max(feed.newest + ROUNDING, when)  # strictly one after the other
            self.loop.outside_at(feed.newest, self._fed, feed, entry)

    def _fed(self, feed: Feed, entry: Entry) -> None:
        if self.server.up and feed.process.name not in self.cut and self.feeds.get(feed.process.name) is feed:
            feed.process.call(feed.on_entry, entry)

    # --- durables -----------------------------------------------------------------------------------------

    def pull(self, process: Process, durable: str, future: asyncio.Future[Any]) -> None:
        """A process asks for the next message, and again when its question or the answer may have been lost."""
        if future.done() or not process.alive:
            return
        if not any(waits is future for _, waits in self._waiting.get(durable, ())):
            self.carry(process, lambda: self._asked(process, durable, future))
        self._ask_again(process, durable, future)

    def _ask_again(self, process: Process, durable: str, future: asyncio.Future[Any]) -> None:
        self.loop.outside(PULL_SECONDS + self.rng.random(), self._unanswered, process, durable, future)

    def _unanswered(self, process: Process, durable: str, future: asyncio.Future[Any]) -> None:
        """A question that is at the server need not be repeated."""
        if not any(waits is future for _, waits in self._waiting.get(durable, ())):
            self.pull(process, durable, future)

    def _asked(self, process: Process, durable: str, future: asyncio.Future[Any]) -> None:
        if not future.done() and not any(waits is future for _, waits in self._waiting.get(durable, ())):
            self._waiting.setdefault(durable, []).append((process, future))
            self.dispatch(durable)

    def dispatch(self, durable: str) -> None:
        """Hand out what can be handed out to who asks for it."""
        if not self.server.up:
            return
        queue = [one for one in self._waiting.get(durable, ()) if one[0].alive and not one[1].done()]
        found = self.server.durables[durable]
        stream = self.server.streams[found.spec.stream]
        now = self.loop.now
        while queue:
            message = found.next(stream, now)
            if message is None:
                break
            process, future = queue.pop(0)
            self._ask_again(process, durable, future)
            self.carry(process, partial(self._hand, message, process, future, found))
        self._waiting[durable] = queue
        wakes, alarm = found.wakes_at(now), self._alarms.get(durable, 0.0)
        if queue and wakes is not None and (alarm <= now + ROUNDING or wakes < alarm - ROUNDING):
            when = max(wakes, now + 0.001)
            self._alarms[durable] = when
            self.loop.outside(when - now, self.dispatch, durable)

    def _hand(
        self, message: tuple[Entry, int], process: Process, future: asyncio.Future[Any], durable: Durable
    ) -> None:
        if not future.done():
            future.set_result(SimDelivery(self, process, durable, *message))

    def dispatch_for(self, stream: str, subject: str) -> None:
        """After an append: whoever waits for such a subject gets it."""
        tokens = subject.split(".")
        for durable in self._waiting:
            spec = self.server.durables[durable].spec
            if spec.stream == stream and fits(spec.filter_subject.split("."), tokens):
                self.dispatch(durable)

    def dispatch_all(self) -> None:
        """After a restart: whoever waits may get something."""
        for durable in self._waiting:
            self.dispatch(durable)

    # --- core NATS ----------------------------------------------------------------------------------------

    def broadcast(self, process: Process | None, subject: str, data: bytes) -> None:
        """To whoever hears a subject now."""
        self.carry(process, lambda: self._spread(subject, data))

    def _spread(self, subject: str, data: bytes) -> None:
        for pattern, hearers in self.hearers.items():
            if pattern == subject or (pattern.endswith("*") and subject.startswith(pattern[:-1])):
                for process, hear in hearers:
                    if process.alive:
                        self.carry(process, partial(hear, data))

    def ask(self, base: str, user: str, data: bytes, reply: Callable[[bytes], None]) -> None:
        """A person asks a service: one copy that serves the subject gets it."""

        def arrived() -> None:
            able = [one for one in self.desks.get(base, ()) if one[0].alive]
            if able:
                process, serve = self.rng.choice(able)
                answer = lambda raw: self.carry(process, lambda: self.carry(None, lambda: reply(raw)))  # noqa: E731
                self.carry(process, lambda: serve(user, data, answer))

        self.carry(None, arrived)


class SimDelivery:
    """A message of a durable (services.kernel.runtime.messages.bus.Delivery)."""

    def __init__(self, network: Network, process: Process, durable: Durable, entry: Entry, count: int) -> None:
        self._network, self._process, self._durable = network, process, durable
        self.durable, self.entry, self.count = durable.spec.durable, entry, count

    async def ack(self) -> bool:
        """Ack, and wait until the server says that it has it."""

        def take() -> bytes:
            self._durable.ack(self.entry.seq)
            self._network.dispatch(self.durable)
            return b""

        try:
            await _round_trip(self._network, self._process, take, ACK_SECONDS)
        except nats.errors.Error:
            return False
        return True

    async def nak(self, delay: float) -> None:
        """Ask for it again after a delay."""

        def take() -> None:
            self._durable.nak(self.entry.seq, delay, self._network.loop.now)
            self._network.dispatch(self.durable)

        self._network.carry(self._process, take)

    async def in_progress(self) -> None:
        """Ask for more time."""
        self._network.carry(self._process, lambda: self._durable.working(self.entry.seq, self._network.loop.now))


class _Never(Exception):
    """There is no answer."""


async def _round_trip(
    network: Network,
    process: Process,
    at_server: Callable[[], Any],
    timeout: float,  # noqa: ASYNC109
    unacked: float = 0.0,
) -> Any:
    future: asyncio.Future[Any] = network.loop.create_future()

    def back(result: Any, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    def arrived() -> None:
        result, failed = None, None
        try:
            result = at_server()
        except _Never:
            return
        except Refused as refused:
            failed = nats.js.errors.APIError(code=400, err_code=refused.err_code, description=refused.description)
        if unacked and failed is None and network.rng.random() < unacked:
            return
        network.carry(process, lambda: back(result, failed))

    network.carry(process, arrived)
    timer = network.loop.call_later(timeout, _give_up, future)
    try:
        return await future
    finally:
        timer.cancel()


def _give_up(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(nats.errors.TimeoutError())


class SimClient:
    """What the kernel uses of ``nats.aio.client.Client``, for one process."""

    def __init__(self, network: Network, process: Process) -> None:
        self.network, self.process = network, process
        self.is_closed = False
        self._batches: dict[str, list[Part]] = {}

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 5.0,  # noqa: ASYNC109
        headers: dict[str, str] | None = None,
    ) -> Any:
        """The commit of a batch, the first entry since a time, or the time."""
        if ".STREAM.INFO." in subject:
            now = await _round_trip(self.network, self.process, self.network.server.clock, timeout)
            return SimpleNamespace(data=json.dumps({"ts": f"{now:%Y-%m-%dT%H:%M:%S.%f}Z"}).encode())
        if ".DIRECT.GET." in subject:
            return await self._first_since(datetime.fromisoformat(json.loads(payload)["start_time"]), timeout)
        return SimpleNamespace(data=await self._commit(Part(subject, payload, headers or {}), timeout))

    async def publish(
        self, subject: str, payload: bytes = b"", headers: dict[str, str] | None = None, **_options: Any
    ) -> None:
        """Core NATS: nobody confirms it. Entries of a batch go the same way, and arrive in order or not at all."""
        if headers and "Nats-Batch-Id" in headers:
            self._batches.setdefault(headers["Nats-Batch-Id"], []).append(Part(subject, payload, headers))
            return
        self.network.broadcast(self.process, subject, payload)

    async def _first_since(self, since: datetime, timeout: float) -> Any:  # noqa: ASYNC109
        """Ask the server; what a replica that is behind does not know is found all the same."""
        network = self.network
        seq = await _round_trip(network, self.process, partial(network.server.direct_since, since), timeout)
        return SimpleNamespace(data=b"", headers={"Status": "404"} if seq is None else {"Nats-Sequence": str(seq)})

    async def _commit(self, last: Part, timeout: float) -> bytes:  # noqa: ASYNC109
        network, rng = self.network, self.network.rng
        parts = [*self._batches.pop(last.headers["Nats-Batch-Id"], []), last]
        whole = rng.random() >= network.weather.torn
        arrived: list[bool] = []

        def store() -> Ack:
            if arrived:
                raise _Never  # it came twice on the wire, and TCP delivers once
            arrived.append(True)
            before = len(network.server.ledger.entries)
            ack = network.server.commit(parts, whole)
            for part in parts if ack.seq > before else ():
                network.loop.outside(0.0, network.dispatch_for, streams.LEDGER, part.subject)
            return ack

        try:
            ack = await _round_trip(network, self.process, store, timeout, network.weather.unacked)
        except nats.js.errors.APIError as error:
            return json.dumps(
                {"error": {"code": 400, "err_code": error.err_code, "description": error.description}}
            ).encode()
        return json.dumps({"stream": streams.LEDGER, "seq": ack.seq, "count": len(parts)}).encode()

    def jetstream(self, timeout: float = 5.0, **_options: Any) -> SimJetStream:
        """The JetStream context."""
        return SimJetStream(self, timeout)


class SimJetStream:
    """What the kernel uses of ``JetStreamContext``."""

    def __init__(self, client: SimClient, timeout: float) -> None:
        self._client, self._timeout = client, timeout

    async def publish(
        self, subject: str, payload: bytes, stream: str | None = None, headers: dict[str, str] | None = None, **_: Any
    ) -> Ack:
        """Store a message and wait for the ack."""
        network = self._client.network

        def store() -> Ack:
            ack = network.server.publish(stream or streams.LEDGER, subject, payload, headers or {})
            if not ack.duplicate:
                network.loop.outside(0.0, network.dispatch_for, stream or streams.LEDGER, subject)
            return ack

        ack: Ack = await _round_trip(network, self._client.process, store, self._timeout)
        return ack

    async def get_msg(self, stream: str, seq: int | None, subject: str | None, *, next: bool) -> RawStreamMsg:  # noqa: A002
        """Read one message; ``next``: the first of ``subject`` from ``seq`` on."""
        network = self._client.network
        assert next == (seq is not None and subject is not None)
        ask = partial(network.server.read, stream, seq, subject)
        entry = await _round_trip(network, self._client.process, ask, self._timeout)
        if entry is None:
            raise nats.js.errors.NotFoundError(code=404, err_code=10037, description="no message found")
        lines = "".join(f"{name}: {value}\r\n" for name, value in entry.headers.items())
        headers = b64encode(f"NATS/1.0\r\n{lines}\r\n".encode())
        return RawStreamMsg(entry.subject, entry.seq, entry.data, hdrs=headers, stream=stream, time=entry.at)

    async def stream_info(self, name: str, subjects_filter: str | None = None) -> Any:
        """What the leader says of a stream."""
        network = self._client.network
        ask = partial(network.server.info, name, subjects_filter)
        return await _round_trip(network, self._client.process, ask, self._timeout)

    async def consumer_info(self, _stream: str, durable: str) -> Any:
        """What the leader says of a durable: how many messages are out, and how many are still to be handed out."""
        network = self._client.network
        return await _round_trip(network, self._client.process, partial(network.server.held, durable), self._timeout)


class SimLedger(Ledger):
    """The real ledger on the simulated server; what it reads does not travel as JSON, which is half of a run's time."""

    async def _get(self, stream: str, *, seq: int | None = None, subject: str | None = None) -> Entry | None:
        client: Any = self.client
        server = client.network.server

        async def once() -> Entry | None:
            return cast(
                "Entry | None",
                await _round_trip(
                    client.network, client.process, lambda: server.read(stream, seq, subject), self.asks.seconds
                ),
            )

        try:
            entry = await ask_again(once, self.asks)
        except nats.errors.Error as error:
            message = f"the broker did not answer a read of {stream}"
            raise Unreachable("broker.unreachable", message, "onevoice doctor") from error
        if entry is not None and stream == streams.LEDGER:
            self.highest = max(self.highest, entry.seq)
        return entry


BATCH = 40
"""Entries of one answer to a read: few, so that a start takes several."""


class SimSource:
    """What a projection gets the ledger from (services.kernel.projection.source.Source), over the simulated network."""

    def __init__(self, network: Network, process: Process, ledger: Ledger) -> None:
        self._network, self._process, self._ledger = network, process, ledger

    async def subscribe(self, on_entry: OnEntry) -> None:
        """Hear the feed; who subscribes again hears it once."""
        self._network.feeds[self._process.name] = Feed(self._process, on_entry)

    async def entries(
        self, after: int, pattern: str = subjects.LEDGER_ALL, size: int = BATCH
    ) -> AsyncIterator[list[Entry]]:
        """Read batches until one comes back short; a replica may be behind, and an answer may break off."""
        network, rng = self._network, self._network.rng
        while True:
            behind = rng.randint(1, 4) if rng.random() < network.weather.lag else 0
            batch = await self._batch(partial(network.server.direct, after, pattern, size, behind))
            if len(batch) > 1 and rng.random() < network.weather.lag:
                # The end broke off; of a large answer, one in the middle may have been dropped by a slow client.
                left_out, dropped = rng.randrange(1, len(batch)), pattern == subjects.LEDGER_ALL and rng.random() < 0.5
                batch = batch[:left_out] + (batch[left_out + 1 :] if dropped else [])
            if batch:
                yield batch
                after = batch[-1].seq
            if len(batch) < size:
                return

    async def _batch(self, ask: Callable[[], Any]) -> list[Entry]:
        """Ask for a batch, and again where nothing comes, also over a broker that went away and came back."""
        for tries_left in reversed(range(TRIES)):
            try:
                found: list[Entry] = await _round_trip(self._network, self._process, ask, SILENCE_SECONDS)
                return found
            except nats.errors.Error as error:
                if not tries_left:
                    message = "the broker did not answer a read of the ledger"
                    raise Unreachable("broker.unreachable", message, "onevoice doctor") from error
        raise AssertionError("TRIES is not 0")

    async def counts(self, pattern: str) -> dict[str, int]:
        """Ask the leader."""
        return await self._ledger.counts(pattern)

    async def newest(self, names: Sequence[str], up_to: int) -> list[Entry]:
        """Ask a replica, which may be behind; the end of its answer may break off."""
        network, rng = self._network, self._network.rng
        behind = rng.randint(1, 4) if rng.random() < network.weather.lag else 0
        ask = partial(network.server.direct_newest, names, up_to, behind)
        try:
            found: list[Entry] = await _round_trip(network, self._process, ask, SILENCE_SECONDS)
        except nats.errors.Error as error:
            message = "the broker did not answer a read of the ledger"
            raise Unreachable("broker.unreachable", message, "onevoice doctor") from error
        return found[: rng.randrange(1, len(found))] if len(found) > 1 and rng.random() < network.weather.lag else found

    async def shape(self) -> Shape:
        """Ask the leader."""
        return await self._ledger.shape()

    async def get(self, seq: int) -> Entry | None:
        """Ask the leader."""
        return await self._ledger.get(seq)

    async def last(self, pattern: str) -> Entry | None:
        """Ask the leader."""
        return await self._ledger.last(pattern)
