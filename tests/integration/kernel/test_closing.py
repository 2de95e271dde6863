"""A client that is closed while it connects again ends, and one that could not connect leaves no socket open."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable

import nats.errors
import pytest

from services.desk.connection.connection import Connection
from services.kernel.authority.signing import load_key
from services.kernel.base.city import City
from services.kernel.base.errors import OneVoiceError, Unreachable
from services.kernel.runtime.messages import encrypted_client
from services.provision.broker.connection import connected
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


async def of_a_service(city: City, url: str) -> None:
    key = str(city.service_key_path("board"))
    async with asyncio.timeout(0.5):
        await encrypted_client.connect(url, nkeys_seed=key, allow_reconnect=False)


async def of_a_desk(city: City, url: str) -> None:
    await Connection("pio", url).open(city, load_key(city.key_path("pio")))


@pytest.mark.parametrize("connect", [of_a_service, of_a_desk])
@pytest.mark.parametrize("answer", [b"", b"INFO {\"max_payload\":9}\r\n-ERR 'Authorization Violation'\r\n"])
async def test_who_could_not_connect_leaves_no_socket_open(
    demo_city: City, connect: Callable[[City, str], Awaitable[None]], answer: bytes
) -> None:
    """As while a broker is stopped, or reloads: who tries again and again has no file left to open one day."""
    open_ones: set[asyncio.Task[None]] = set()

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(asyncio.current_task())  # type: ignore[arg-type]
        writer.write(answer)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    async with await asyncio.start_server(taken, "127.0.0.1", 0) as server:
        with pytest.raises((OSError, TimeoutError, nats.errors.Error, OneVoiceError)):
            await connect(demo_city, f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        _, still_open = await asyncio.wait(open_ones, timeout=PATIENCE)
    assert not still_open


def refused_by_cutting_off(first: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Return a server that refuses each key, and cuts the first few connections off before that can be heard."""
    left = first

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        writer.write(b'INFO {"max_payload":9,"nonce":"x"}\r\n')
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"CONNECT")
            if left:
                left -= 1
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
                return
            await reader.readuntil(b"PING")
            writer.write(b"-ERR 'Authorization Violation'\r\n")
            await reader.read()
        writer.close()

    return taken


@pytest.mark.parametrize(("first", "said"), [(1, "broker.refused_key"), (3, "broker.refused_key"), (9, "unreachable")])
async def test_a_key_is_refused_though_the_broker_closed_before_that_was_heard(
    demo_city: City, first: int, said: str
) -> None:
    """nats-server closes at once; nats-py may be about to send its PING, and knows of a lost connection alone then."""
    async with await asyncio.start_server(refused_by_cutting_off(first), "127.0.0.1", 0) as server:
        url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(Unreachable) as caught:
            async with connected(demo_city, url, demo_city.service_key_path("board"), "board"):
                pass
    assert said in caught.value.code
