"""A broker's machine that loses its power closes no connection: services and desks notice by themselves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import nats.errors
from nats.aio.client import Client

from schemas import flow, streams
from services.desk.connection.connection import Connection
from services.kernel.authority.signing import load_key
from services.kernel.base.network import silence
from services.kernel.runtime.messages.encrypted_broker import ConnectionEvents, make_broker
from tests.support.mission import PATIENCE, Mission, eventually

QUICK = {"ping_interval": 1, "max_outstanding_pings": 1}


class SilentLine:
    """A TCP proxy before the broker: what is connected when it falls silent hears nothing more, and is not closed."""

    def __init__(self, port: int) -> None:
        self._port, self.url = port, ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: list[asyncio.StreamWriter] = []

    def fall_silent(self) -> None:
        """Pass nothing more on, of what is connected."""
        for task in self._tasks:
            task.cancel()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[SilentLine]:
        """Listen."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            self.fall_silent()
            for end in self._ends:
                end.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends += [writer, far_writer]
        for source, to in ((reader, far_writer), (far_reader, writer)):
            self._tasks.add(asyncio.create_task(self._pass_on(source, to)))

    async def _pass_on(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                to.write(data)
        to.close()


async def test_a_service_and_a_desk_that_only_listens_notice_that_their_broker_went_silent(mission: Mission) -> None:
    """The service connects again by itself; the desk is told, and opens another connection."""
    gone, again = asyncio.Event(), asyncio.Event()

    async def on_error(_: Exception) -> None:
        """It is stale."""

    async def on_disconnected() -> None:
        gone.set()

    async def on_reconnected() -> None:
        again.set()

    async def answered() -> bool:
        try:
            await client.flush()
        except nats.errors.Error:  # a broker that is slower than its pings is silent again
            return False
        return True

    async with SilentLine(mission.port).open() as line:
        link = ConnectionEvents(on_error, on_disconnected, on_reconnected)
        broker = make_broker(flow.service("board"), mission.city, line.url, link, QUICK)
        client: Client = await broker.connect()
        desk = Connection("pio", line.url, QUICK)
        await desk.open(mission.city, load_key(mission.city.key_path("pio")))
        line.fall_silent()
        async with asyncio.timeout(PATIENCE):
            await gone.wait()
            await again.wait()
            await eventually(answered)
            await desk.gone.wait()
        await desk.close()
        await broker.stop()


def test_who_is_stopped_for_a_lease_is_not_cut_off_and_who_is_silent_is_noticed_soon() -> None:
    """A client lets go at the latest after one more pause than there may be pings without an answer; so the server."""
    most = silence.OF_CLIENT["ping_interval"] * (silence.OF_CLIENT["max_outstanding_pings"] + 1)
    assert most <= streams.LEASE_SECONDS
    assert silence.SERVER_SECONDS * silence.SERVER_MOST > streams.LEASE_SECONDS
    assert silence.SERVER_SECONDS * (silence.SERVER_MOST + 1) <= 30
