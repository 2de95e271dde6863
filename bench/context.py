"""What all groups share: a folder, the platform's process, and how much is to be measured."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench import product
from bench.children import Children
from bench.city import City

PLATFORM_PORTS = 16
DELAY = 0.1
"""Seconds after which the platform answers a post."""


@dataclass
class Bench:
    """One run of the bench. ``events`` bounds the growth rows."""

    children: Children
    folder: Path
    full: bool
    events: int
    urls: tuple[str, ...] = ()
    _cities: int = 0

    def start_platform(self) -> None:
        """Start the platform's process; returns when it listens."""
        ports = product.free_ports(PLATFORM_PORTS)
        arguments = (sys.executable, "-m", "bench.platform", *(str(port) for port in ports), "--delay", str(DELAY))
        process = self.children.start(arguments, log=self.folder / "platform.log", stdout=subprocess.PIPE)
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError((self.folder / "platform.log").read_text()[-500:])
        self.urls = tuple(f"http://127.0.0.1:{port}" for port in ports)

    async def set_delay(self, seconds: float | None) -> None:
        """Let the platform answer after so long from now on; None: never, until it is changed."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.urls[0]}/bench/delay", json={"seconds": seconds}) as answer,
        ):
            answer.raise_for_status()

    async def waiting(self) -> int:
        """Return how many callers wait for the platform's answer."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.urls[0]}/bench/count") as answer:
            said: dict[str, Any] = await answer.json()
            return int(said["waiting"])

    def new_city(self, profiles: int) -> City:
        """Make a city of so many profiles on the platform."""
        self._cities += 1
        return City.make(self.children, self.folder / f"city-{self._cities}-{profiles}", profiles, self.urls)

    def new_demo(self) -> City:
        """Make the demonstration city."""
        self._cities += 1
        return City.demo(self.children, self.folder / f"city-{self._cities}-demo")

    @asynccontextmanager
    async def running(self, profiles: int, *, crisis: bool = True) -> AsyncIterator[City]:
        """Run a new city, in a crisis unless told."""
        city = self.new_city(profiles)
        try:
            await city.up()
            if crisis:
                await city.declare_crisis()
            yield city
        finally:
            await city.down()

    def accounts(self, count: int) -> list[tuple[str, str]]:
        """Return where each of so many profiles is posted to, and its token: the same as in a made city."""
        return [
            (self.urls[number // product.PER_INSTANCE % len(self.urls)], f"token-d{number}") for number in range(count)
        ]
