"""Platforms that are emulated, as harnesses of the contract suite: the registry's connectors, and emulators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from schemas.events.authority import Profile
from services.fanout.connectors.contract import Connector
from services.fanout.connectors.registry import connectors
from services.kernel.base.city import City
from services.kernel.base.network.web import Running, serve
from tests.integration.connectors.harnesses import Seen, a_city, a_profile
from tests.support.emulators import facebook, instagram, linkedin, meta, threads, x
from tests.support.emulators.base import Emulator
from tests.support.emulators.bending import Bends

ACCOUNTS = {"fire": "1001", "water": "1002"}

_PLACES: dict[str, tuple[type[Emulator], Callable[[str], str]]] = {
    "x": (x.XEmulator, x.credential),
    "facebook": (facebook.FacebookEmulator, facebook.token_of),
    "linkedin": (linkedin.LinkedInEmulator, linkedin.token_of),
    "threads": (threads.ThreadsEmulator, meta.token_of),
    "instagram": (instagram.InstagramEmulator, meta.token_of),
}
_CODES = frozenset({"unauthorized", "suspended"})
"""Misbehaviour that is an error with its own name."""


class EmulatedHarness:
    """An emulator with the accounts fire and water, and the city's site, from which pictures are fetched."""

    connector: Connector

    def __init__(self, platform: str, folder: Path) -> None:
        make, self.token_of = _PLACES[platform]
        self.platform = platform
        self.keyless = platform != "x"
        self.emulator: Any = make()
        self.city = a_city(folder)
        self._opened: list[Connector] = []
        self._site: Running | None = None

    @classmethod
    async def open(cls, platform: str, folder: Path) -> EmulatedHarness:
        made = cls(platform, folder)
        await made.emulator.start()
        app = web.Application()
        made.city.site_folder.mkdir(parents=True, exist_ok=True)
        app.router.add_static("/", made.city.site_folder)
        made._site = await serve(app, "127.0.0.1", 0, "the site")
        known = made.city.settings
        section = getattr(known, platform).model_copy(update={"server": made.emulator.url})
        site = known.site.model_copy(update={"public": made._site.url})
        made.city = City(folder, known.model_copy(update={platform: section, "site": site}))
        for name in ACCOUNTS:
            made.write_token(name, made.token_of(made.profile(name).account))
        made.connector = made.restart()
        return made

    def write_token(self, name: str, text: str) -> None:
        path = self.city.token_path(f"{name}-{self.platform}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text + "\n")

    def restart(self) -> Connector:
        made = connectors(self.city, "https://mission.example")
        self._opened += made.values()
        return made[self.platform]

    def profile(self, name: str) -> Profile:
        made = a_profile(name, self.platform)  # X knows accounts by their names, the others by numbers
        return made if self.platform == "x" else made.model_copy(update={"account": ACCOUNTS[name]})

    @property
    def bends(self) -> Bends:
        """What its answers are bent by."""
        made = self.emulator.bends
        assert isinstance(made, Bends)
        return made

    async def stands(self, profile: Profile) -> list[Seen]:
        found = self.emulator.of(profile.account)
        return [Seen(post.text, tuple(alt for alt in post.alts if alt != post.text)) for post in found]

    async def misbehave(self, kind: str, seconds: int = 0, on: str = "post", calls: int = 1) -> None:
        code = kind if kind in _CODES else ""
        self.emulator.misbehave("error" if code else kind, seconds, on, calls, code)

    async def close(self) -> None:
        for connector in self._opened:
            await connector.close()
        await self.emulator.stop()
        self.emulator.only_documented()
        if self._site is not None:
            await self._site.stop()
