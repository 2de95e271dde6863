"""Brings in what people ask the city's profiles in public, each once. Nothing in it is fetched, executed or trusted."""

from __future__ import annotations

import asyncio
from datetime import datetime

from schemas.events.authority import Profile
from services.fanout.connectors.asking import Brought, ask_profiles, that_are_asked
from services.kernel.base.city import City

ANSWER_SECONDS = 20.0


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
