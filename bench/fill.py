"""Fills a stopped city's ledger with genuine entries, fast: on its own store, with a server that need not sync.

The server that fills has the ledger's account and a user who may do everything; the product's durables are then set to
the end, as they would stand in a city that handled all of it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nats.aio.client import Client

from bench import product
from bench.children import Children
from bench.city import City
from bench.clone import Cloner, Put
from bench.ledger import LEDGER, LedgerReader

WINDOW = 2_000
"""Entries that are sent before the last one's ack is waited for: the server takes some 10,000 unanswered ones."""

LEFT_BEHIND = ("audit-copy",)
"""The audit service's durable stays: the second copy has to be written by the audit service itself."""


async def fill(children: Children, city: City, cloner: Cloner, entries: int, *, more: bool = False) -> int:
    """Lay copies of a request until the ledger has so many entries, or so many ``more``; return the newest one.

    The city must be down.
    """
    async with _server(children, city) as client:
        last = await LedgerReader(client).last_seq()
        entries += last if more else 0
        window: list[Put] = []
        while last + len(window) < entries:
            window += cloner.copy(last + len(window) + 1)
            if len(window) >= WINDOW:
                last = await _put(client, window, last)
                window = []
                await asyncio.sleep(0)
        if window:
            last = await _put(client, window, last)
        await _to_the_end(client, last)
        return last


async def _put(client: Client, window: Sequence[Put], last: int) -> int:
    """Store entries in order; raises RuntimeError when the last does not stand where it has to."""
    for subject, headers, body in window[:-1]:
        await client.publish(subject, body, headers=headers)
    subject, headers, body = window[-1]
    answer = json.loads((await client.request(subject, body, headers=headers, timeout=60.0)).data)
    if answer.get("seq") != last + len(window):
        raise RuntimeError(f"the ledger was not filled: {answer}, not {last + len(window)}")
    return last + len(window)


async def _to_the_end(client: Client, last: int) -> None:
    """Set each durable of the ledger behind its newest entry (CONSUMER.RESET)."""
    js = client.jetstream(timeout=30.0)
    for info in await js.consumers_info(LEDGER):
        if info.name not in LEFT_BEHIND:
            subject = f"$JS.API.CONSUMER.RESET.{LEDGER}.{info.name}"
            answer = json.loads(
                (await client.request(subject, json.dumps({"seq": last + 1}).encode(), timeout=30.0)).data
            )
            if "error" in answer:
                raise RuntimeError(f"{info.name}: {answer['error']}")


@asynccontextmanager
async def _server(children: Children, city: City) -> Any:
    store = city.folder / "var" / "nats"
    (ledger,) = store.glob(f"**/streams/{LEDGER}")
    account = ledger.parent.parent.name
    conf = city.folder / "bench-fill.conf"
    (port,) = product.free_ports(1)
    conf.write_text(
        f'listen: "127.0.0.1:{port}"\nmax_payload: 8388608\nserver_name: "onevoice"\n'
        f'jetstream {{\n  store_dir: "{_store_dir(store, ledger)}"\n  sync_interval: "1m"\n}}\n'
        f"accounts {{ {account} {{ jetstream: enabled, users: [ {{ user: fill, password: fill }} ] }} }}\n",
        encoding="utf-8",
    )
    server = children.start((product.nats_server(), "-c", str(conf)), log=city.folder / "bench-fill.log")
    try:
        client = await _patiently(f"nats://fill:fill@127.0.0.1:{port}", server)
        yield client
        await client.close()
    finally:
        await asyncio.to_thread(children.stop, server)


def _store_dir(store: Path, ledger: Path) -> Path:
    """Return what nats.conf calls the store: the folder that has ``jetstream/ACCOUNT/streams``."""
    return ledger.parents[3] if ledger.parents[2].name == "jetstream" else store


async def _patiently(url: str, server: subprocess.Popen[str]) -> Client:
    for _ in range(200):
        try:
            return await product.connect_public(url)
        except (OSError, TimeoutError):
            if server.poll() is not None:
                raise RuntimeError("the server that fills the ledger did not start") from None
            await asyncio.sleep(0.1)
    raise RuntimeError("the server that fills the ledger did not answer")
