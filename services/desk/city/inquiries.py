"""Brings in what people ask the city's profiles in public, each once. Nothing in it is fetched, executed or trusted."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable
from datetime import datetime

from schemas import canonical
from schemas.events.authority import Profile
from services.fanout.connectors.asking import Brought, ask_profiles, that_are_asked
from services.fanout.connectors.inquiry import Inquiry
from services.kernel.base.city import City
from services.kernel.base.files import write_atomically

ANSWER_SECONDS = 20.0


KEPT = 5_000
"""Inquiries that are remembered as shown, the newest."""


class ShownBefore:
    """Which inquiries this desk has shown, also in earlier runs: ``var/desk/<realm>-inquiries.json``."""

    def __init__(self, city: City) -> None:
        self._path = city.var / "desk" / f"{city.realm}-inquiries.json"
        self._known: dict[str, None] = {}
        try:
            self._known = dict.fromkeys(str(one) for one in json.loads(self._path.read_bytes()))
        except (OSError, ValueError, TypeError, RecursionError):
            return

    def __contains__(self, one: Inquiry) -> bool:
        return _key(one) in self._known

    def add(self, shown: Iterable[Inquiry]) -> None:
        """Note what was shown; where the disk does not take it, it is shown again in the next run."""
        before = len(self._known)
        self._known.update((_key(one), None) for one in shown)
        if len(self._known) == before:
            return
        self._known = dict.fromkeys(list(self._known)[-KEPT:])
        with contextlib.suppress(OSError):
            write_atomically(self._path, canonical.dumps(list(self._known)), mode=0o600)


def _key(one: Inquiry) -> str:
    return canonical.sha256(f"{one.profile}\n{one.id}".encode())[:32]


class InquiryBox:
    """Looks again and again, and gives each inquiry once."""

    def __init__(self, city: City, website: str, profiles: tuple[Profile, ...]) -> None:
        from services.fanout.connectors.registry import connectors  # only where services run

        self._connectors = connectors(city, website)
        self.asked = that_are_asked(self._connectors, profiles)
        self._seen: set[tuple[str, str]] = set()

    async def look(self, since: datetime) -> Brought:
        """Return what was asked since a time and was not given before."""
        brought = await ask_profiles(self._connectors, self.asked, since, ANSWER_SECONDS)
        platforms = {one.id: one.platform for one in self.asked}
        fresh = [one for one in brought.inquiries if (platforms[one.profile], one.id) not in self._seen]
        self._seen |= {(platforms[one.profile], one.id) for one in fresh}
        return Brought(tuple(fresh), brought.troubles)

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(one.close() for one in self._connectors.values()))
