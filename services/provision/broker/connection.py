"""Opens a short connection to a city's broker, as the provisioning user or as a service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import nats.errors
from nats.aio.client import Client

from services.kernel.authority.signing import load_key
from services.kernel.base.city import City, servers_of
from services.kernel.base.errors import Unreachable
from services.kernel.base.network.reach import refuse_plain_broker
from services.kernel.base.network.refusal import why_not_connected
from services.kernel.base.network.tls import client_context
from services.kernel.runtime.messages import encrypted_client
from services.provision.accounts.permissions import PROVISION_USER

CONNECT_SECONDS = 5.0


def as_provisioner(city: City, url: str) -> AbstractAsyncContextManager[Client]:
    """Connect as the provisioning user of the city's realm, as ``connected`` does."""
    return connected(city, url, city.provision_key_path, PROVISION_USER)


@asynccontextmanager
async def connected(city: City, url: str, key: Path, user: str) -> AsyncIterator[Client]:
    """Connect as a user with its key; the connection is closed at the end.

    Raises:
        BadInput: the key is missing or readable by others, the TLS authority cannot be read, or the broker's address
            is none, or would be spoken to in plain across a network.
        Unreachable: ``broker.unreachable``, ``broker.refused_key``.
    """
    refuse_plain_broker(city.settings, url)
    load_key(key)  # its errors are clearer than the client's
    denials: list[str] = []

    async def on_error(error: Exception) -> None:
        denials.append(str(error))

    try:
        client = await asyncio.wait_for(
            encrypted_client.connect(
                servers_of(url),
                name=f"onevoice {user}",
                nkeys_seed=str(key),
                inbox_prefix=f"_INBOX_{user}".encode(),
                allow_reconnect=False,
                max_reconnect_attempts=1,  # nats-py takes 0 as "for ever"
                reconnect_time_wait=0,
                connect_timeout=int(CONNECT_SECONDS),
                error_cb=on_error,
                tls=client_context(city),
            ),
            CONNECT_SECONDS,
        )
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise _unreachable(city, url, user, error, denials) from error
    try:
        yield client
    finally:
        await client.close()


def _unreachable(city: City, url: str, user: str, error: Exception, denials: list[str]) -> Unreachable:
    text = " ".join([str(error), *denials]).lower()
    if "authorization" in text or "authentication" in text:
        return Unreachable(
            "broker.refused_key",
            f"the broker at {url} does not know this key of {user}",
            "is another city's broker on that port? else run it with this city's nats/nats.conf",
        )
    why = why_not_connected(error, url=url, user=user, embedded=city.settings.nats.embedded, wants_tls="tls" in text)
    return Unreachable(why.code, why.message, why.hint)
