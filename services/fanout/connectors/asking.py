"""Asks platforms what people asked the city's profiles in public. Nothing in it is fetched, executed or trusted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.events.authority import Profile
from services.fanout.connectors.contract import CannotTell, Connector
from services.fanout.connectors.inquiry import BringsInquiries, Inquiry

AT_ONCE = 8


@dataclass(frozen=True)
class Brought:
    """What one look brought: the inquiries, the oldest first, and by profile why there are none of it."""

    inquiries: tuple[Inquiry, ...]
    troubles: dict[str, str]


def that_are_asked(platforms: Mapping[str, Connector], profiles: Sequence[Profile]) -> tuple[Profile, ...]:
    """Return the official profiles whose platform shows what people ask."""
    able = {name for name, one in platforms.items() if isinstance(one, BringsInquiries)}
    return tuple(one for one in profiles if one.platform in able and one.official)


async def ask_profiles(
    platforms: Mapping[str, Connector],
    profiles: Sequence[Profile],
    since: datetime,
    each: float,
    together: float | None = None,
) -> Brought:
    """Return what was asked since a time; a profile that does not answer in time is a trouble.

    What one of the profiles says of another is no inquiry: the city asks itself nothing.

    Args:
        platforms: the connectors by platform.
        profiles: whom to ask, of ``that_are_asked``.
        since: how far back.
        each: the seconds that one profile may take.
        together: the seconds that all may take; None: as long as each needs.
    """
    few = asyncio.Semaphore(AT_ONCE)
    troubles: dict[str, str] = {}

    async def of(profile: Profile) -> list[Inquiry]:
        connector = platforms[profile.platform]
        try:
            async with asyncio.timeout(together), few, asyncio.timeout(each):
                found = await connector.inquiries(profile, since)  # type: ignore[attr-defined]
        except TimeoutError:
            found = CannotTell(f"{profile.platform} did not answer in time")
        if isinstance(found, CannotTell):
            troubles[profile.id] = found.reason
            return []
        return list(found)

    own = {(one.platform, _name(one.account)) for one in profiles}
    once: dict[tuple[str, str, str], Inquiry] = {}
    for profile, found in zip(profiles, await asyncio.gather(*map(of, profiles)), strict=True):
        server = profile.account.lstrip("@").partition("@")[2]
        for one in found:
            if (profile.platform, _name(one.author)) in own or (profile.platform, _name(one.author, server)) in own:
                continue
            # One that names two of the city's accounts on a server is one inquiry.
            once.setdefault((profile.platform, server, one.id), one)
    return Brought(tuple(sorted(once.values(), key=lambda one: (one.at, one.id))), troubles)


def _name(account: str, server: str = "") -> str:
    """Return an account's name in one form; one of the server that was asked may be without it."""
    name = account.lstrip("@").casefold()
    return f"{name}@{server.casefold()}" if server and "@" not in name else name
