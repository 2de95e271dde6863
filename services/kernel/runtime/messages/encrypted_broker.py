"""FastStream's broker over a connection that is never plain where TLS is wanted."""

from __future__ import annotations

from faststream.nats import NatsBroker
from nats.aio.client import Client

from services.kernel.runtime.messages import encrypted_client


class EncryptedBroker(NatsBroker):
    """Connects as FastStream does, with a client that goes on in plain with no server."""

    async def _connect(self) -> Client:
        """Connect; FastStream has no public way to name another client."""
        connection = await encrypted_client.connect(**self._connection_kwargs)
        self.config.connect(connection)
        return connection
