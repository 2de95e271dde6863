"""X, as a rig of the contract suite: the connector as the registry makes it, and the emulator."""

from __future__ import annotations

from pathlib import Path

from schemas.events.authority import Profile
from services.fanout.connectors.contract import Connector
from services.fanout.connectors.registry import connectors
from services.kernel.base.city import City
from tests.integration.connectors.rigs import Seen, a_city, a_profile
from tests.support.emulators.x import XEmulator, credential

_CODES = {"unauthorized": "unauthorized", "suspended": "suspended"}


class XRig:
    """An emulator with the accounts fire and water."""

    def __init__(self, folder: Path) -> None:
        self.emulator = XEmulator()
        self.city = a_city(folder)
        self._opened: list[Connector] = []

    @classmethod
    async def open(cls, folder: Path) -> XRig:
        made = cls(folder)
        await made.emulator.start()
        known = made.city.settings
        section = known.x.model_copy(update={"server": made.emulator.url})
        made.city = City(folder, known.model_copy(update={"x": section}))
        for name in ("fire", "water"):
            made.write_keys(name, credential(name))
        made.connector = made.restart()
        return made

    def write_keys(self, name: str, text: str) -> None:
        path = self.city.token_path(f"{name}-x")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text + "\n")

    connector: Connector

    def restart(self) -> Connector:
        made = connectors(self.city, "https://mission.example")
        self._opened += made.values()
        return made["x"]

    def profile(self, name: str) -> Profile:
        return a_profile(name, "x")

    async def stands(self, profile: Profile) -> list[Seen]:
        return [Seen(post.text, post.alts) for post in self.emulator.of(profile.account)]

    async def misbehave(self, kind: str, seconds: int = 0, on: str = "post", calls: int = 1) -> None:
        self.emulator.misbehave("error" if kind in _CODES else kind, seconds, on, calls, _CODES.get(kind, ""))

    async def close(self) -> None:
        for connector in self._opened:
            await connector.close()
        await self.emulator.stop()
        self.emulator.only_documented()
