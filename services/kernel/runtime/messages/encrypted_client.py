"""nats-py's client for services and provisioning: never in plain where TLS is wanted, and over once it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import nats.js.errors
from nats.aio.client import Client, Srv
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from services.kernel.base.clock import monotonic
from services.kernel.base.network.encrypted import OnlyEncrypted
from services.kernel.base.network.header_lines import QuickHeaders
from services.kernel.base.network.unconnected import CUT_OFF_SECONDS, abort, is_cut_off

REST_SECONDS = 0.5
"""How long a fetch takes at the least that brings nothing."""


Fetch = Callable[..., Awaitable[list[Msg]]]


class JetStream(JetStreamContext):
    """JetStream whose fetches rest where nobody answers: a durable without a leader says so at once, without end.

    Who fetches asks again in the same moment, thousands of times a second, while brokers elect a leader.
    """

    async def pull_subscribe(self, *args: Any, **options: Any) -> JetStreamContext.PullSubscription:
        """Subscribe as nats-py does; the fetches of it rest."""
        subscription = await super().pull_subscribe(*args, **options)
        vars(subscription)["fetch"] = _rested(subscription.fetch)
        return subscription


def _rested(fetch: Fetch) -> Fetch:
    async def rested(*args: Any, **options: Any) -> list[Msg]:
        began = monotonic()
        try:
            return await fetch(*args, **options)
        except (TimeoutError, nats.js.errors.APIError):
            await asyncio.sleep(max(0.0, began + REST_SECONDS - monotonic()))
            raise

    return rested


class EncryptedClient(OnlyEncrypted, QuickHeaders, Client):
    """A client that takes no plain connection in place of an encrypted one, and that does not outlive its close."""

    _over = False

    def jetstream(self, **opts: Any) -> JetStream:
        """Return JetStream as this connection has it."""
        return JetStream(self, **opts)

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
    """Connect as ``nats.connect`` does, and as it raises; PlainServer (an OSError) where a server offers no TLS.

    What is cut off in the middle is tried again.
    """
    for pause in CUT_OFF_SECONDS:
        try:
            return await _connect(servers, options)
        except ConnectionError as error:
            if not is_cut_off(error):
                raise
        await asyncio.sleep(pause)
    return await _connect(servers, options)


async def _connect(servers: str | list[str], options: dict[str, Any]) -> Client:
    client = EncryptedClient()
    try:
        await client.connect(servers, **options)
    except BaseException:
        abort(client)
        raise
    return client
