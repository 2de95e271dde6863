"""Watches how full the disk of the ledger is, and says so while there is time: what is on record is never taken away.

Where the broker runs on another machine, its disk is its own monitoring's matter; the second copy's is looked at here.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.kernel.base.city import City
from services.kernel.measures.catalogue import Measure
from services.kernel.runtime.service import Runtime

WARN_AT = 0.7
"""The share of what may be stored at which people are told."""

GIVEN = 0.75
"""The share of a disk (what is free, and what is stored already) that nats-server takes for its streams (2.15)."""

LOW_FREE = 512 * 1024 * 1024
"""Bytes that are free at least, however little is stored: others fill disks too."""

LOOK_SECONDS = 60.0

_KEY = "store"


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
        if self.share < WARN_AT and self.free >= LOW_FREE:
            return None
        return (
            f"the store nears its limit: {min(self.share, 1.0):.0%} is used ({_size(self.used)}), "
            f"{_size(self.free)} are free under {self.folder}"
        )


def look(folder: Path) -> StoreUse:
    """Measure a folder and its disk; a file that goes meanwhile counts for nothing. Raises OSError."""
    used = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                used += os.lstat(os.path.join(place, name)).st_size
    return StoreUse(folder, used, shutil.disk_usage(folder).free)


def store_of(city: City) -> Path:
    """Return the folder to watch: the broker's store if ``onevoice up`` runs it, else the second copy's."""
    nats = city.settings.nats
    return city.var / "nats" if nats.embedded and nats.url is None else city.audit_folder


class StoreWatch:
    """Looks each minute. ``found`` is the newest look; None before the first, and where the folder cannot be read."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.found: StoreUse | None = None

    async def run(self) -> None:
        """Look until cancelled; what troubles is said by the heartbeat, and once in the log."""
        while True:
            await self.look_once()
            await asyncio.sleep(LOOK_SECONDS)

    async def look_once(self) -> None:
        """Look, and say what is so."""
        troubles, log = self._runtime.health.troubles, self._runtime.log
        try:
            self.found = await asyncio.to_thread(look, store_of(self._runtime.city))
        except OSError as error:
            self.found = None
            log.warning("the store cannot be looked at", error=str(error))
            return
        trouble = self.found.trouble()
        if trouble is None:
            troubles.pop(_KEY, None)
            return
        if _KEY not in troubles:
            log.warning(trouble)
        troubles[_KEY] = trouble

    def measures(self) -> Iterator[Measure]:
        """Yield how much is used and what is free, once it was looked at."""
        if self.found is not None:
            yield Measure("onevoice_store_used_ratio", self.found.share)
            yield Measure("onevoice_store_free_bytes", self.found.free)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
