"""A connection as a city's provisioning user."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import nats.errors
from nats.aio.client import Client

from services.kernel.city import City
from services.kernel.errors import Unreachable
from services.kernel.signing import load_key
from services.kernel.tls import client_context
from services.provision.permissions import PROVISION_USER

CONNECT_SECONDS = 5.0


@asynccontextmanager
async def as_provisioner(city: City, url: str) -> AsyncIterator[Client]:
    """Connect as the provisioning user of the city's realm; the connection is closed at the end.

    Raises:
        BadInput: the key is missing or readable by others, or the TLS authority cannot be read.
        Unreachable: ``broker.unreachable``, ``broker.refused_key``.
    """
    path = city.provision_key_path
    load_key(path)  # its errors are clearer than the client's
    denials: list[str] = []

    async def on_error(error: Exception) -> None:
        denials.append(str(error))

    try:
        client = await asyncio.wait_for(
            nats.connect(
                url,
                name="onevoice-provision",
                nkeys_seed=str(path),
                inbox_prefix=f"_INBOX_{PROVISION_USER}".encode(),
                allow_reconnect=False,
                connect_timeout=int(CONNECT_SECONDS),
                error_cb=on_error,
                tls=client_context(city),
            ),
            CONNECT_SECONDS,
        )
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise _unreachable(url, error, denials) from error
    try:
        yield client
    finally:
        await client.close()


def _unreachable(url: str, error: Exception, denials: list[str]) -> Unreachable:
    said = " ".join([str(error), *denials]).lower()
    if "authorization" in said or "authentication" in said:
        return Unreachable(
            "broker.refused_key",
            f"the broker at {url} does not know the provisioning key of this city",
            "is another city's broker on that port? else run it with this city's nats/nats.conf",
        )
    return Unreachable(
        "broker.unreachable",
        f"no broker answers at {url} ({type(error).__name__})",
        "start it (onevoice up), or check [nats] in city.toml",
    )
