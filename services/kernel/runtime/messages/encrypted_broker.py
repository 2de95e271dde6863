"""A service's connection to the broker, for FastStream: never plain where TLS is wanted, and made anew without end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from anyio import ClosedResourceError
from faststream.nats import NatsBroker
from faststream.nats.security import NatsNKey
from nats.aio.client import Client

from schemas import flow, streams
from services.kernel.authority.signing import load_key
from services.kernel.base.city import City, servers_of
from services.kernel.base.errors import BadInput
from services.kernel.base.network import silence
from services.kernel.base.network.tls import client_context
from services.kernel.runtime.messages import encrypted_client

CONNECT_SECONDS = 5.0
GRACEFUL_SECONDS = 20.0
API_SECONDS = 30.0
"""So long a start waits for what a busy server says of a durable; nats-py's own five have failed one."""


class EncryptedBroker(NatsBroker):
    """Connects as FastStream does, with a client that goes on in plain with no server."""

    async def _connect(self) -> Client:
        """Connect; FastStream has no public way to name another client."""
        connection = await encrypted_client.connect(**self._connection_kwargs)
        self.config.connect(connection)
        return connection

    async def stop(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        """Stop, and take note of how the tasks end that fetch messages: FastStream cancels them, and looks away."""
        for subscriber in self.subscribers:
            for task in getattr(subscriber, "tasks", ()):
                if not task.done():
                    task.add_done_callback(_ended)
        await super().stop(exc_type, exc_val, exc_tb)


def _ended(task: asyncio.Task[Any]) -> None:
    """Pass over a message that finds its queue closed: the broker hands it out again. Any other error is said.

    ``asyncio.wait_for`` of Python 3.11 loses a cancellation that comes together with a message.
    """
    error = None if task.cancelled() else task.exception()
    rest = error.split(ClosedResourceError)[1] if isinstance(error, BaseExceptionGroup) else error
    if rest is not None and not isinstance(rest, ClosedResourceError):
        said = {"message": "a task that fetches messages did not stop cleanly", "exception": rest, "task": task}
        task.get_loop().call_exception_handler(said)


class ConnectionEvents(NamedTuple):
    """What is done when the connection to the broker changes."""

    on_error: Callable[[Exception], Awaitable[None]]
    on_disconnected: Callable[[], Awaitable[None]]
    on_reconnected: Callable[[], Awaitable[None]]


def make_broker(
    row: flow.Service,
    city: City,
    url: str | None,
    link: ConnectionEvents,
    pings: Mapping[str, Any] = silence.OF_CLIENT,
) -> NatsBroker:
    """Return the connection that a service will have; ``url``: the broker, if not as in city.toml."""
    key = city.service_key_path(row.name)

    async def on_disconnected() -> None:
        _take_up_key(broker, key)
        await link.on_disconnected()

    broker = EncryptedBroker(
        servers_of(url or city.settings.nats.address),
        name=f"onevoice-{row.user}",
        security=NatsNKey.from_file(key, ssl_context=client_context(city)),
        inbox_prefix=f"_INBOX_{row.user}".encode(),
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        connect_timeout=int(CONNECT_SECONDS),
        **pings,
        drain_timeout=int(GRACEFUL_SECONDS),
        error_cb=link.on_error,
        disconnected_cb=on_disconnected,
        reconnected_cb=link.on_reconnected,
        graceful_timeout=GRACEFUL_SECONDS,
        logger=None,
        js_options={"prefix": streams.SERVICE_API, "timeout": API_SECONDS},
    )
    return broker


def _take_up_key(broker: NatsBroker, path: Path) -> None:
    """Reconnect with the key that the file holds by now: nats-py reads the seed again, but not whose key it is."""
    client = broker._connection
    if client is not None:
        with contextlib.suppress(BadInput):  # half replaced or gone: the old one is tried
            client._public_nkey = load_key(path).public_key
