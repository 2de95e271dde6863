"""nats-py's client for services and for provisioning: never in plain where TLS is wanted."""

from __future__ import annotations

from typing import Any

from nats.aio.client import Client

from services.kernel.base.encrypted import OnlyEncrypted


class EncryptedClient(OnlyEncrypted, Client):
    """A client that takes no plain connection in place of an encrypted one."""


async def connect(servers: str | list[str], **options: Any) -> Client:
    """Connect as ``nats.connect`` does, and as it raises; PlainServer (an OSError) where a server offers no TLS."""
    client = EncryptedClient()
    await client.connect(servers, **options)
    return client
