"""A desk that signs in while the broker reloads its users is denied once, and gets in; who is not known stays out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from services.desk.connection.link import Link
from services.kernel.base.errors import Refused
from tests.support.mission import Mission

INFO = (
    b'INFO {"server_id":"A","version":"2.11.0","proto":1,"max_payload":1048576,"auth_required":true,"nonce":"bm9uY2U"}'
)


class Reloading:
    """Stands before a real broker: denies the first ``denials`` sign-ins, and passes the others on."""

    def __init__(self, port: int, denials: int) -> None:
        self.port, self.denials, self.asked = port, denials, 0
        self._passing: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Deny who comes, or connect it with the broker."""
        self.asked += 1
        if self.asked <= self.denials:
            writer.write(INFO + b"\r\n")
            await reader.readline()
            writer.write(b"-ERR 'Authorization Violation'\r\n")
            await writer.drain()
            await _end(writer)
            return
        inner, outer = await asyncio.open_connection("127.0.0.1", self.port)
        for source, sink in ((reader, outer), (inner, writer)):
            task = asyncio.ensure_future(_pass(source, sink))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while raw := await source.read(65_536):
            sink.write(raw)
            await sink.drain()
    await _end(sink)


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def signing_in(mission: Mission, denials: int) -> AsyncIterator[tuple[Link, Reloading]]:
    """A link of the PIO to a broker that is reloading."""
    broker = Reloading(mission.port, denials)
    server = await asyncio.start_server(broker.take, "127.0.0.1", 0)
    async with server:
        link = Link("pio", f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        try:
            yield link, broker
        finally:
            await link.close()


async def test_who_signs_in_while_the_users_are_reloaded_gets_in(mission: Mission) -> None:
    async with signing_in(mission, denials=1) as (link, broker):
        await link.open(mission.city)
        assert broker.asked == 2


async def test_who_is_denied_twice_is_not_known(mission: Mission) -> None:
    async with signing_in(mission, denials=9) as (link, broker):
        with pytest.raises(Refused) as refused:
            await link.open(mission.city)
        assert (refused.value.code, broker.asked) == ("broker.denied", 2)
