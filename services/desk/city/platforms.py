"""Asks each platform whether a profile can be posted to now, without posting anything."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from schemas.events.authority import Profile
from services.kernel.base.city import City

if TYPE_CHECKING:
    from services.fanout.connectors.contract import Health

AT_ONCE = 8
ANSWER_SECONDS = 10.0


async def answers_of(city: City, website: str, profiles: tuple[Profile, ...]) -> dict[str, Health]:
    """Return what each platform says, by profile; the connectors' own check, as fan-out would meet it.

    Args:
        city: the city folder, for credentials and addresses.
        website: the base URL of the city's website.
        profiles: the profiles to ask about.
    """
    from services.fanout.connectors.contract import Health
    from services.fanout.connectors.registry import connectors

    tools = connectors(city, website)
    few = asyncio.Semaphore(AT_ONCE)

    async def ask(profile: Profile) -> Health:
        connector = tools.get(profile.platform)
        if connector is None:
            return Health(False, f"this city has no connector for {profile.platform}")
        async with few:
            try:
                return await asyncio.wait_for(connector.check(profile), ANSWER_SECONDS)
            except TimeoutError:
                return Health(False, f"{profile.platform} did not answer within {ANSWER_SECONDS:.0f} s")

    try:
        answers = await asyncio.gather(*map(ask, profiles))
    finally:
        await asyncio.gather(*(connector.close() for connector in tools.values()))
    return {profile.id: said for profile, said in zip(profiles, answers, strict=True)}
