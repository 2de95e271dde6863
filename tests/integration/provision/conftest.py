"""A demonstration city on a real nats-server, once per module, provisioned in both realms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.client import Client

from schemas.events.authority import Realm
from services.kernel.base.city import City, load_city
from services.provision import EmbeddedBroker, demo_plan, make_city, provision
from tests.support.broker import connect, flushed
from tests.support.mission import Mission, copy_city
from tests.support.ports import free_port


@dataclass
class BothRealms:
    """A city on one broker, its live realm and its exercise, and connections as any user of either."""

    mission: Mission

    @property
    def city(self) -> City:
        return self.mission.city

    def realm(self, realm: Realm) -> City:
        return load_city(self.city.folder, realm)

    @asynccontextmanager
    async def person(self, name: str, realm: Realm = "live", plain_inbox: bool = False) -> AsyncIterator[User]:
        async with self.key(self.realm(realm).key_path(name), name, plain_inbox) as user:
            yield user

    @asynccontextmanager
    async def service(self, name: str, realm: Realm = "live") -> AsyncIterator[User]:
        async with self.key(self.realm(realm).service_key_path(name), name.replace("_", "-")) as user:
            yield user

    @asynccontextmanager
    async def provisioner(self, realm: Realm = "live") -> AsyncIterator[User]:
        async with self.key(self.realm(realm).provision_key_path, "provision") as user:
            yield user

    @asynccontextmanager
    async def key(self, path: Path, user: str, plain_inbox: bool = False) -> AsyncIterator[User]:
        connected = User()

        async def on_error(error: Exception) -> None:
            connected.denials.append(str(error))

        inbox = b"_INBOX" if plain_inbox else f"_INBOX_{user}".encode()
        connected.nc = await connect(
            self.mission.url, path, user, inbox_prefix=inbox, error_cb=on_error, allow_reconnect=False
        )
        try:
            yield connected
        finally:
            await connected.nc.close()


@dataclass
class User:
    """A connection, and what the server denied it."""

    nc: Client = field(default_factory=Client)
    denials: list[str] = field(default_factory=list)

    async def denied(self, subject: str, body: bytes = b"x", reply: str = "") -> bool:
        """Publish, and say whether the server denied it: it does so before it answers the ping of the flush."""
        before = len(self.denials)
        await self.nc.publish(subject, body, reply=reply)
        await flushed(self.nc)
        return len(self.denials) > before

    async def subscribe_denied(self, subject: str) -> bool:
        before = len(self.denials)
        await self.nc.subscribe(subject)
        await flushed(self.nc)
        return len(self.denials) > before


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(made_city: City, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BothRealms]:
    async with Mission(copy_city(made_city, tmp_path_factory.mktemp("city") / "mission")) as mission:
        await provision(load_city(mission.city.folder, "exercise"), mission.url)
        yield BothRealms(mission)


Started = Callable[[City], AbstractAsyncContextManager[EmbeddedBroker]]


@pytest.fixture
def demo_city(tmp_path: Path) -> City:
    return make_city(tmp_path / "mission", demo_plan())


@pytest.fixture
def started() -> Started:
    @asynccontextmanager
    async def start(city: City) -> AsyncIterator[EmbeddedBroker]:
        broker = EmbeddedBroker()
        await broker.start(city, free_port())
        try:
            yield broker
        finally:
            await broker.stop()

    return start
