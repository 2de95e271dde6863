"""Watches how full the disk of the ledger is, and says so while there is time: what is on record is never taken away.

The broker is asked how full each stream is that has a limit (``store_gb`` in city.toml). Where it runs elsewhere it is
asked what it stores in all too, and the second copy's disk is looked at here: what that broker's disk gives says the
account's limit, or ``store_gb``; without either nobody here can know.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import nats.errors
from nats.aio.client import Client

from schemas import streams
from services.kernel.base.city import City
from services.kernel.base.settings.settings_now import settings_now
from services.kernel.measures.catalogue import Measure
from services.kernel.runtime.service import Runtime

WARN_AT = 0.7
"""The share of what may be stored at which people are told."""

URGENT_AT = 0.9
"""The share at which it is said more plainly."""

GIVEN = 0.75
"""The share of a disk (what is free, and what is stored already) that nats-server takes for its streams (2.15)."""

LOW_FREE = 512 * 1024 * 1024
"""Bytes that are free at least, however little is stored: others fill disks too."""

LOOK_SECONDS = 60.0

WATCHED = (streams.LEDGER, streams.MEDIA, streams.DEAD)
"""The streams that take nothing more at their limit."""


@dataclass(frozen=True)
class StoreUse:
    """What lies in a folder and what its disk has free, in bytes."""

    folder: Path
    used: int
    free: int

    @property
    def share(self) -> float:
        """How much of what the disk gives is used; 1.0 and more: nothing is stored any more."""
        given = GIVEN * (self.used + self.free)
        return self.used / given if given else 1.0

    def trouble(self) -> str | None:
        """Return what a person should know, if anything."""
        if self.share < WARN_AT:
            if self.free >= LOW_FREE:
                return None
            return (
                f"the store nears its limit: {_size(self.free)} are free under {self.folder}, whatever fills that disk"
            )
        return (
            f"the store nears its limit: {min(self.share, 1.0):.0%} is used ({_size(self.used)}), "
            f"{_size(self.free)} are free under {self.folder}"
        )


@dataclass(frozen=True)
class BrokerUse:
    """What a broker stores of the realm's streams, and the most that it may, in bytes; None: it names no limit."""

    used: int
    most: int | None

    @property
    def share(self) -> float | None:
        """How much of it is used; None where nobody knows the limit."""
        return self.used / self.most if self.most else None

    def trouble(self) -> str | None:
        """Return what a person should know, if anything."""
        if self.most is None or self.share is None or self.share < WARN_AT:
            return None
        return f"the broker's store nears its limit: {self.share:.0%} is used, {_size(self.used)} of {_size(self.most)}"


@dataclass(frozen=True)
class StreamUse:
    """How full a stream is, in bytes; at ``most`` it takes nothing more."""

    name: str
    used: int
    most: int

    @property
    def share(self) -> float:
        """How much of it is used."""
        return self.used / self.most

    def trouble(self) -> str | None:
        """Return what a person should know, if anything."""
        if self.share < WARN_AT:
            return None
        return (
            f"the stream {self.name} {'is nearly full' if self.share >= URGENT_AT else 'nears its limit'}: "
            f"{self.share:.0%} is used, {_size(self.used)} of {_size(self.most)}; then nothing more is stored in it. "
            "Raise store_gb under [nats] in city.toml, then onevoice provision"
        )


async def ask_stream(client: Client, name: str) -> StreamUse | None:
    """Ask how full a stream is; None where it has no limit.

    Raises:
        OSError, ValueError, nats.errors.Error: the broker does not answer, or not as JetStream does.
    """
    answer = await client.request(f"{streams.SERVICE_API}.STREAM.INFO.{name}", timeout=5)
    said = json.loads(answer.data)
    if not isinstance(said, dict) or "config" not in said or "state" not in said:
        raise ValueError(f"the broker's answer says nothing of {name}")
    most = said["config"].get("max_bytes", -1)
    return StreamUse(name, said["state"]["bytes"], most) if most > 0 else None


async def ask_broker(client: Client, store_gb: float | None, seconds: float = 5.0) -> BrokerUse:
    """Ask the broker what the realm's account stores.

    Raises:
        OSError, ValueError, nats.errors.Error: it does not answer, or not as JetStream does.
    """
    answer = await client.request(f"{streams.SERVICE_API}.INFO", timeout=seconds)
    said = json.loads(answer.data)
    if not isinstance(said, dict) or not isinstance(said.get("storage"), int):
        raise ValueError("the broker's answer says nothing of its store")
    limit = said.get("limits", {}).get("max_storage", -1)
    limits = [int(store_gb * 1e9)] if store_gb else []
    limits += [limit] if isinstance(limit, int) and limit > 0 else []
    return BrokerUse(said["storage"], min(limits, default=None))


def look(folder: Path) -> StoreUse:
    """Measure a folder and its disk; a file that goes meanwhile counts for nothing. Raises OSError."""
    used = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                used += os.lstat(os.path.join(place, name)).st_size
    return StoreUse(folder, used, shutil.disk_usage(folder).free)


def broker_is_here(city: City) -> bool:
    """Return whether ``onevoice up`` runs the broker."""
    return city.settings.nats.embedded and city.settings.nats.url is None


def store_of(city: City) -> Path:
    """Return the folder to watch: the broker's store if ``onevoice up`` runs it, else the second copy's."""
    return city.var / "nats" if broker_is_here(city) else city.audit_folder


class StoreWatch:
    """Looks each minute.

    ``found`` and ``broker`` are the newest looks; None before them, and where they failed. ``streams``: those with a
    limit.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.found: StoreUse | None = None
        self.broker: BrokerUse | None = None
        self.streams: list[StreamUse] = []

    async def run(self) -> None:
        """Look until cancelled; what troubles is said by the heartbeat, and once in the log."""
        while True:
            await self.look_once()
            await asyncio.sleep(LOOK_SECONDS)

    async def look_once(self) -> None:
        """Look, and say what is so."""
        city, log = self._runtime.city, self._runtime.log
        self.found = self.broker = None
        self.streams = []
        try:
            self.found = await asyncio.to_thread(look, store_of(city))
        except OSError as error:
            log.warning("the store cannot be looked at", error=str(error))
        else:
            self._report("store", self.found.trouble())
        for name in WATCHED:
            await self._try(self._ask_stream(name))
        if not broker_is_here(city):
            await self._try(self._ask_broker())

    async def _try(self, asking: Awaitable[None]) -> None:
        """Await an answer; without one, what was said before stands, and the others are asked all the same."""
        try:
            await asking
        except (OSError, ValueError, nats.errors.Error) as error:
            said = str(error) or type(error).__name__
            self._runtime.log.warning("the broker does not say how much it stores", error=said)

    async def _ask_stream(self, name: str) -> None:
        found = await ask_stream(self._runtime.ledger.client, name)
        self.streams += [found] if found else []
        self._report(f"stream {name}", found.trouble() if found else None)

    async def _ask_broker(self) -> None:
        store_gb = settings_now(self._runtime.city).nats.store_gb
        self.broker = await ask_broker(self._runtime.ledger.client, store_gb)
        self._report("broker's store", self.broker.trouble())

    def _report(self, which: str, trouble: str | None) -> None:
        troubles = self._runtime.health.troubles
        if trouble is None:
            troubles.pop(which, None)
            return
        if which not in troubles:
            self._runtime.log.warning(trouble)
        troubles[which] = trouble

    def measures(self) -> Iterator[Measure]:
        """Yield how much is used, of the fuller one of the disks, and what is free here, once it was looked at."""
        shares = [one.share for one in (self.found, self.broker, *self.streams) if one is not None]
        known = [share for share in shares if share is not None]
        if known:
            yield Measure("onevoice_store_used_ratio", max(known))
        if self.found is not None:
            yield Measure("onevoice_store_free_bytes", self.found.free)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
