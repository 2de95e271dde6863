"""A real PDS as a harness of the connector contract suite: fresh accounts, a proxy between that can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.events.authority import Profile
from services.fanout.connectors.bluesky.connector import BlueskyConnector
from services.fanout.connectors.contract import Connector
from services.fanout.connectors.registry import connectors
from services.kernel.base.city import City
from services.kernel.base.clock import Clock
from tests.integration.connectors.harnesses import Seen, a_city, a_profile
from tests.platforms.pds import Account, Pds
from tests.platforms.proxy import Proxy
from tests.support.emulators.bending import Bends

NAMES = ("fire", "water")
APP = "https://bsky.app"


class BlueskyHarness:
    """The connector as a city has it, before a real server."""

    trials = 12
    """Of bent answers: each logs in anew, which costs the server a moment."""

    def __init__(self, city: City, pds: Pds, proxy: Proxy, accounts: dict[str, Account]) -> None:
        self.city = city
        self.pds = pds
        self.proxy = proxy
        self.accounts = accounts
        self._made: list[Connector] = []
        self.connector = self.restart()

    @classmethod
    async def open(cls, pds: Pds, folder: Path) -> BlueskyHarness:
        proxy = Proxy(pds.url)
        await proxy.start()
        known = a_city(folder)
        settings = known.settings.model_copy(
            update={"bluesky": known.settings.bluesky.model_copy(update={"server": proxy.url})}
        )
        accounts = {name: await pds.account(name) for name in NAMES}
        harness = cls(City(folder, settings), pds, proxy, accounts)
        for name, account in accounts.items():
            harness.write_password(name, account.password)
        return harness

    def write_password(self, name: str, password: str) -> None:
        path = self.city.token_path(f"{name}-bluesky")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(password + "\n")

    def restart(self) -> Connector:
        tools = connectors(self.city, "https://mission.example")
        self._made += tools.values()
        return tools["bluesky"]

    def timed(self, clock: Clock) -> BlueskyConnector:
        """Return a connector with a clock of its own."""
        made = BlueskyConnector(lambda _: self.proxy.url, self.city.token_path, app=APP, clock=clock)
        self._made.append(made)
        return made

    def profile(self, name: str) -> Profile:
        return a_profile(name, "bluesky").model_copy(update={"account": self.accounts[name].handle})

    @property
    def bends(self) -> Bends:
        """What the server's answers are bent by."""
        return self.proxy.bends

    async def records(self, name: str) -> list[dict[str, Any]]:
        return await self.pds.records(self.accounts[name].did)

    async def stands(self, profile: Profile) -> list[Seen]:
        found = []
        for record in await self.records(profile.department):
            images = record["value"].get("embed", {}).get("images", [])
            found.append(Seen(record["value"]["text"], tuple(image["alt"] for image in images)))
        return found

    async def misbehave(self, kind: str, seconds: float = 0, on: str = "post", calls: int = 1) -> None:
        self.proxy.faults += [(kind, on, seconds)] * calls

    async def close(self) -> None:
        for connector in self._made:
            await connector.close()
        await self.proxy.stop()
