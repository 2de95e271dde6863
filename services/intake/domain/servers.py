"""What a message is made to fit where the servers that it goes to take less, or count otherwise. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from schemas.platforms import LIMITS, Limits
from services.kernel.base.settings.city_platforms import ServerLimits


def limits_for(accounts: Iterable[str], known: Mapping[str, ServerLimits]) -> dict[str, Limits]:
    """Return the limits of all platforms; of Mastodon the least that any of the accounts' servers takes.

    Args:
        accounts: ``@name@server`` of Mastodon; others are passed over.
        known: what city.toml says of servers; one that it does not name is as Mastodon is.
    """
    servers = {account.rpartition("@")[2] for account in accounts if "@" in account.removeprefix("@")}
    usual = LIMITS["mastodon"]
    found = [known.get(server, ServerLimits(characters=usual.characters)) for server in servers]
    if not found:
        return LIMITS
    characters = min(one.characters for one in found)
    counted = any(one.code_points for one in found)
    return LIMITS | {"mastodon": replace(usual, characters=characters, code_points=counted)}
