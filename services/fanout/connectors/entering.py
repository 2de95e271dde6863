"""The way in to a platform that knows accounts by their numbers, each with a token of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from schemas.events.authority import Profile
from services.fanout.connectors.contract import Cause, Permanent, Retryable
from services.fanout.connectors.credentials.tokens import TokenFault, token_of
from services.fanout.connectors.one_at_a_time import SHARE

Entrance = TypeVar("Entrance")


async def enter_numbered(
    profile: Profile,
    token_path: Callable[[str], Path],
    seconds: float,
    make: Callable[[str, str, float], Entrance],
    named: str,
) -> Entrance | Retryable | Permanent:
    """Return what ``make`` makes of account, token and deadline (the loop's time); ``named``: what has the number."""
    if not profile.account.isdigit():
        return Permanent(f"the account {profile.account!r} is not the number of {named}")
    deadline = asyncio.get_running_loop().time() + seconds * SHARE
    try:
        token = await token_of(token_path(profile.id))
    except TokenFault as fault:
        return Retryable(str(fault), cause=Cause.OWN)
    return make(profile.account, token, deadline)
