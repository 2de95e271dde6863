"""Finds where a Mastodon instance is; for the connectors, and for a desk that has none of them installed."""

from __future__ import annotations

from collections.abc import Callable

from services.kernel.base.city import City
from services.kernel.base.run_file import running_city
from services.kernel.base.settings.addresses import in_url
from services.kernel.base.settings.settings_now import settings_now

TOWNSQUARE = "townsquare"


def mastodon_bases(city: City) -> Callable[[str], str]:
    """Return what finds an instance's base URL: city.toml as it is now, and for the townsquare where it runs now."""

    def base_of(instance: str) -> str:
        # A server that was written into city.toml since the start, or has moved, is served without a restart. One that
        # was there at the start stays: half of a file that is being written must not end a message for good.
        now, start = settings_now(city), city.settings
        known = now.mastodon.instances.get(instance) or start.mastodon.instances.get(instance)
        if known is not None:
            return known
        section = now.townsquare or start.townsquare
        if instance != TOWNSQUARE or section is None:
            raise LookupError(instance)
        return _running_townsquare(city) or f"http://{in_url(section.host)}:{section.port}"

    return base_of


def _running_townsquare(city: City) -> str | None:
    """Return the townsquare's URL that ``onevoice up`` wrote down, if that process lives."""
    url = (running_city(city) or {}).get("townsquare_url")
    return url if isinstance(url, str) else None
