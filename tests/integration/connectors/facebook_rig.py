"""Facebook, as a rig of the contract suite: the connector as the registry makes it, and the emulator."""

from __future__ import annotations

from pathlib import Path

from schemas.events.authority import Profile
from services.fanout.connectors.contract import Connector
from services.fanout.connectors.registry import connectors
from services.kernel.base.city import City
from tests.integration.connectors.rigs import Seen, a_city, a_profile
from tests.support.emulators.facebook import FacebookEmulator, token_of

PAGES = {"fire": "1001", "water": "1002"}


class FacebookRig:
    """An emulator with the Pages fire and water; nothing there tells repeats apart."""

    keyless = True
    connector: Connector

    def __init__(self, folder: Path) -> None:
        self.emulator = FacebookEmulator()
        self.city = a_city(folder)
        self._opened: list[Connector] = []

    @classmethod
    async def open(cls, folder: Path) -> FacebookRig:
        made = cls(folder)
        await made.emulator.start()
        known = made.city.settings
        section = known.facebook.model_copy(update={"server": made.emulator.url})
        made.city = City(folder, known.model_copy(update={"facebook": section}))
        for name, page in PAGES.items():
            made.write_token(name, token_of(page))
        made.connector = made.restart()
        return made

    def write_token(self, name: str, text: str) -> None:
        path = self.city.token_path(f"{name}-facebook")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text + "\n")

    def restart(self) -> Connector:
        made = connectors(self.city, "https://mission.example")
        self._opened += made.values()
        return made["facebook"]

    def profile(self, name: str) -> Profile:
        return a_profile(name, "facebook").model_copy(update={"account": PAGES[name]})

    async def stands(self, profile: Profile) -> list[Seen]:
        return [Seen(post.text, post.alts) for post in self.emulator.of(profile.account)]

    async def misbehave(self, kind: str, seconds: int = 0, on: str = "post", calls: int = 1) -> None:
        code = kind if kind == "unauthorized" else ""
        self.emulator.misbehave("error" if code else kind, seconds, on, calls, code)

    async def close(self) -> None:
        for connector in self._opened:
            await connector.close()
        await self.emulator.stop()
        self.emulator.only_documented()
