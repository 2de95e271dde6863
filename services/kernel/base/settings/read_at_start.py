"""What of city.toml a running city has read once, when it was started: a change in it counts with the next start."""

from __future__ import annotations

from schemas import canonical
from services.kernel.base.settings.city_file import CityFile

SEEN_AT_ONCE = frozenset({"townsquare", "mastodon", "bluesky", "webhook", "email"})
"""Of these ``settings_now`` is asked, as of ``store_gb`` in [nats]."""


def read_at_start(settings: CityFile) -> dict[str, str]:
    """Return a hash of each section and value that is read once, by its name."""
    said = settings.model_dump(mode="json", exclude={*SEEN_AT_ONCE})
    said["nats"].pop("store_gb", None)
    return {name: canonical.sha256(canonical.dumps({name: value})) for name, value in said.items()}


def changed_since(known: object, settings: CityFile) -> list[str]:
    """Return the names of what is not as it was at the start; of a city that said nothing of it, nothing is known."""
    if not isinstance(known, dict):
        return []
    return sorted(name for name, value in read_at_start(settings).items() if known.get(name) != value)
