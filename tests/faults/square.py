"""A city whose fan-out posts to the townsquare under many names: each a platform host of its own that can lie."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas import flow, subjects
from schemas.events.control import ProfileAdd
from schemas.events.deliveries import Receipt
from schemas.events.requests import Request
from services.fanout.connectors.registry import connectors
from services.fanout.wiring import compose
from services.kernel.base.clock import monotonic
from services.kernel.base.network import web
from services.kernel.runtime.compose import on_nats
from services.kernel.runtime.service import Runtime
from services.townsquare.faults import Fault
from services.townsquare.server import Townsquare
from tests.integration.fanout.fanout_city import FanoutCity, a_fanout_city
from tests.support.ports import free_port
from tests.support.running import said_up


@dataclass
class Square:
    """The town, the townsquare behind its counter, and the running fan-out."""

    town: FanoutCity
    inside: Townsquare
    url: str
    runtime: Runtime
    patience: float
    nowhere: str = field(default_factory=lambda: f"http://127.0.0.1:{free_port()}")

    async def move(self, hosts: dict[str, str]) -> None:
        """Put accounts on hosts, by orders of the mcpe."""
        profiles = (await self.town.control()).state.profiles
        for name, host in hosts.items():
            self.open(host)
            moved = profiles[profile_of(name)].model_copy(update={"account": f"{name}@{host}"})
            await self.town.order("mcpe", ProfileAdd(profile=moved))

    def open(self, host: str) -> None:
        """Let a host be reached."""
        self.town.city.settings.mastodon.instances[host] = self.url

    def shut(self, host: str) -> None:
        """Let nobody answer at a host."""
        self.town.city.settings.mastodon.instances[host] = self.nowhere

    def play(self, account: str, **fault: Any) -> None:
        """Inject a fault into the next calls of an account."""
        self.inside.faults.add(Fault.model_validate({"account": account, **fault}))

    def count(self, account: str, text: str) -> int:
        """How many public posts have this text."""
        return [post.draft.text for post in self.inside.posts.newest(account, 10_000)].count(text)

    async def end(
        self, request: Request, account: str, seconds: float, outcomes: Iterable[str] = (), every: float = 0.25
    ) -> Receipt | None:
        """Wait for the final receipt, of these outcomes if any are given; None when it does not come in time."""
        wanted = frozenset(outcomes)
        ledger = await self.town.ledger("board")
        until = monotonic() + seconds
        while monotonic() < until:
            entry = await ledger.last(subjects.receipt(profile_of(account), request.request_id))
            receipt = Receipt.from_bytes(entry.data) if entry is not None else None
            if receipt is not None and receipt.final and (not wanted or str(receipt.outcome) in wanted):
                return receipt
            await asyncio.sleep(every)
        return None

    async def seconds_to_deliver(self, accounts: Iterable[str], text: str) -> list[float]:
        """Send one message to accounts and return how long each took, from its verdict to its receipt."""
        names = tuple(accounts)
        request = await self.town.cleared(*map(profile_of, names), text=text)
        began = monotonic()

        async def one(name: str) -> float:
            receipt = await self.end(request, name, 60.0, every=0.1)
            assert receipt is not None, f"{name} has no end"
            assert str(receipt.outcome) == "delivered", receipt
            return monotonic() - began

        return list(await asyncio.gather(*map(one, names)))

    async def rounds(self, accounts: Iterable[str], text: str, times: int) -> float:
        """Return the median time of several messages to accounts."""
        names, found = tuple(accounts), []
        for number in range(times):
            found += await self.seconds_to_deliver(names, f"{text} {number}")
        return statistics.median(found)


def profile_of(account: str) -> str:
    """Return the profile of an account."""
    return f"{account}-townsquare"


@asynccontextmanager
async def a_square(folder: Path, names: Iterable[str], *, lease: float, patience: float) -> AsyncIterator[Square]:
    """A town with these departments, its townsquare and its fan-out."""
    async with a_fanout_city(folder, tuple(names)) as town, AsyncExitStack() as stack:
        inside = Townsquare.of(town.city)
        running = await web.serve(inside.app(), "127.0.0.1", 0, "the townsquare")
        stack.enter_context(said_up(town.city, townsquare_url=running.url))

        def wire(runtime: Runtime) -> None:
            platforms = connectors(town.city, runtime.control.website)
            runtime.lease_seconds = lease
            compose(runtime, platforms, lease=lease, ask_seconds=patience)

        runtime, app = on_nats(flow.service("fanout"), town.city, wire, url=town.url)
        await app.start()
        try:
            yield Square(town, inside, running.url, runtime, patience)
        finally:
            await app.stop()
            await running.stop()
