"""nats-py's client for services and provisioning: never in plain where TLS is wanted, and over once it is closed."""

from __future__ import annotations

import asyncio
from typing import Any

from nats.aio.client import Client, Srv

from services.kernel.base.network.encrypted import OnlyEncrypted
from services.kernel.base.network.header_lines import QuickHeaders
from services.kernel.base.network.unconnected import abort


class EncryptedClient(OnlyEncrypted, QuickHeaders, Client):
    """A client that takes no plain connection in place of an encrypted one, and that does not outlive its close."""

    _over = False

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        """Close; from now on nothing connects again."""
        self._over = self._over or status == Client.CLOSED
        await super()._close(status, do_cbs)

    async def _connect_to_server(self, s: Srv) -> None:
        """Connect, unless it is over: Python 3.11 loses a cancellation that meets a refused connection.

        nats-py would try again for ever then, and no process ends before its last task.
        """
        if self._over:
            raise asyncio.CancelledError
        await super()._connect_to_server(s)


async def connect(servers: str | list[str], **options: Any) -> Client:
    """Connect as ``nats.connect`` does, and as it raises; PlainServer (an OSError) where a server offers no TLS."""
    client = EncryptedClient()
    try:
        await client.connect(servers, **options)
    except BaseException:
        abort(client)
        raise
    return client
