"""Connections of the tests to a broker: as patient as they are themselves, where nats-py's own time-outs are short.

nats-py gives a connection 2 s, an append or a question to JetStream 5 s, and the services' ledger gives these 2 s and
asks again. A busy machine takes longer now and then, and a test asks once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.js import JetStreamContext

from schemas import streams
from services.kernel.base.city import servers_of
from services.kernel.runtime.messages import encrypted_client

PATIENCE = 90.0
"""How long a test waits for what has to come, in seconds. No promise of speed is tested by it: a busy machine may take
long, and on a quiet one nobody waits."""

FORGETS_SECONDS = 0.5
"""So long a message id is known again in a test of late repeats."""


async def connect(url: str, key: Path, user: str, **options: Any) -> Client:
    """Connect with a key file, under the inbox prefix that a user may hear."""
    return await encrypted_client.connect(
        servers_of(url),
        nkeys_seed=str(key),
        connect_timeout=30,
        **({"inbox_prefix": f"_INBOX_{user}".encode()} | options),
    )


def jetstream(client: Client, api: str = streams.OWN_API) -> JetStreamContext:
    """JetStream as a client's account has it."""
    return client.jetstream(timeout=PATIENCE, prefix=api)


async def flushed(client: Client) -> None:
    """Wait until the server has handled what a client sent.

    nats-py's ``flush`` writes its PING past what still waits to be written; by the answer to the first one that is
    written too, and the second one comes behind it.
    """
    await client.flush(timeout=int(PATIENCE))
    await client.flush(timeout=int(PATIENCE))


@asynccontextmanager
async def short_memory(js: JetStreamContext) -> AsyncIterator[float]:
    """Have the ledger know a message id again for the seconds that are given, and then for as long as before.

    ``js`` is the provisioning user's. A service must not start meanwhile: it refuses such a stream.
    """
    usual = (await js.stream_info(streams.LEDGER)).config
    await js.update_stream(usual.evolve(duplicate_window=FORGETS_SECONDS))
    try:
        yield FORGETS_SECONDS
    finally:
        await js.update_stream(usual)
