"""A broker that onevoice does not run, as in a deployment, and a city that uses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from services.kernel.base.city import City, load_city
from services.kernel.ledger.client import Ledger
from services.provision import find_nats_server
from services.provision.accounts.server_conf import ServerSettings, render_server
from services.provision.broker.connection import connected
from tests.support.mission import eventually
from tests.support.ports import free_port


async def until(look: Callable[[], bool]) -> None:
    async def looked() -> bool:
        return look()

    await eventually(looked)


@asynccontextmanager
async def outside(city: City, folder: Path) -> AsyncIterator[str]:
    """Run nats-server as a deployment does: its own configuration and store, the city's accounts."""
    port = free_port()
    conf = folder / "nats-server.conf"
    conf.write_text(render_server(ServerSettings(str(folder / "store"), port=port), f"{city.folder.name}/nats/"))
    log = folder / f"log-{port}"
    server = await asyncio.create_subprocess_exec(str(find_nats_server()), "-c", str(conf), "-l", str(log))
    try:
        await until(lambda: log.exists() and "Server is ready" in log.read_text())
        yield f"nats://127.0.0.1:{port}"
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


def told(city: City, nats: str) -> City:
    """Write another section [nats] into city.toml."""
    path = city.folder / "city.toml"
    before, _, rest = path.read_text().partition("[nats]\n")
    path.write_text(f"{before}[nats]\n{nats}\n\n[townsquare]{rest.partition('[townsquare]')[2]}")
    return load_city(city.folder)


async def entries(city: City, url: str) -> list[tuple[int, str, bytes]]:
    async with connected(city, url, city.service_key_path("audit"), "audit") as client:
        ledger = Ledger()
        ledger.bind(client)
        found = await ledger.get_many(list(range(1, (await ledger.shape()).last + 1)))
        return [(one.seq, one.subject, one.data) for one in found if one is not None]
