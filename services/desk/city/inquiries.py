"""Brings in what people ask the city's profiles in public, each once. Nothing in it is fetched, executed or trusted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from schemas.events.authority import Profile
from services.fanout.connectors.contract import CannotTell
from services.fanout.connectors.inquiry import BringsInquiries, Inquiry
from services.kernel.base.city import City

AT_ONCE = 8
ANSWER_SECONDS = 20.0


@dataclass(frozen=True)
class Brought:
    """What one look brought: the inquiries, the oldest first, and by profile why there are none of it."""

    inquiries: tuple[Inquiry, ...]
    troubles: dict[str, str]


class InquiryBox:
    """Looks again and again, and gives each inquiry once."""

    def __init__(self, city: City, website: str, profiles: tuple[Profile, ...]) -> None:
        from services.fanout.connectors.registry import connectors  # only where services run

        self._connectors = connectors(city, website)
        able = {name for name, one in self._connectors.items() if isinstance(one, BringsInquiries)}
        self.asked = tuple(one for one in profiles if one.platform in able and one.official)
        self._seen: set[tuple[str, str]] = set()

    async def look(self, since: datetime) -> Brought:
        """Return what was asked since a time and was not given before."""
        few = asyncio.Semaphore(AT_ONCE)
        troubles: dict[str, str] = {}

        async def of(profile: Profile) -> list[Inquiry]:
            connector = self._connectors[profile.platform]
            async with few:
                try:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        found = await connector.inquiries(profile, since)  # type: ignore[attr-defined]
                except TimeoutError:
                    found = CannotTell(f"{profile.platform} did not answer in time")
            if isinstance(found, CannotTell):
                troubles[profile.id] = found.reason
                return []
            return list(found)

        fresh: list[Inquiry] = []
        for profile, found in zip(self.asked, await asyncio.gather(*map(of, self.asked)), strict=True):
            for one in found:
                # One that names two of the city's accounts is one inquiry.
                key = profile.platform, one.id
                if key not in self._seen:
                    self._seen.add(key)
                    fresh.append(one)
        return Brought(tuple(sorted(fresh, key=lambda one: (one.at, one.id))), troubles)

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(one.close() for one in self._connectors.values()))
