"""Asks each platform whether a profile can be posted to now, without posting anything."""

from __future__ import annotations

import asyncio

from schemas.events.authority import Profile
from services.kernel.base.city import City

AT_ONCE = 8
ANSWER_SECONDS = 10.0


async def unwilling(city: City, website: str, profiles: tuple[Profile, ...]) -> dict[str, str]:
    """Return what each platform objects to, by profile; the connectors' own check, as fan-out would meet it.

    Args:
        city: the city folder, for credentials and addresses.
        website: the base URL of the city's website.
        profiles: the profiles to ask about.
    """
    from services.fanout.connectors.registry import connectors

    tools = connectors(city, website)
    few = asyncio.Semaphore(AT_ONCE)

    async def objection(profile: Profile) -> str | None:
        connector = tools.get(profile.platform)
        if connector is None:
            return f"this city has no connector for {profile.platform}"
        async with few:
            try:
                health = await asyncio.wait_for(connector.check(profile), ANSWER_SECONDS)
            except TimeoutError:
                return f"{profile.platform} did not answer within {ANSWER_SECONDS:.0f} s"
        return None if health.ok else health.detail

    try:
        answers = await asyncio.gather(*map(objection, profiles))
    finally:
        await asyncio.gather(*(connector.close() for connector in tools.values()))
    return {profile.id: said for profile, said in zip(profiles, answers, strict=True) if said}
