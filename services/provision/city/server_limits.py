"""Writes into city.toml what servers take, where messages are made for more; whatever else is in it stays as it is."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Mapping

from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.kernel.base.files import write_atomically
from services.kernel.base.settings.city_file import CityFile
from services.kernel.base.settings.city_platforms import ServerLimits


def write_limits(city: City, less: Mapping[str, ServerLimits]) -> None:
    """Add a section for each server to city.toml, checked before it takes the place of the file.

    Args:
        city: the city folder.
        less: what servers take, by the name that city.toml has for them.

    Raises:
        BadInput: ``limits.by_hand``: it has such a section already, or cannot be written.
    """
    lines = [line for server in sorted(less) for line in _section(server, less[server])]
    by_hand = f"write it yourself, and check again: {' '.join(lines)}"
    if known := sorted(less.keys() & city.settings.mastodon.limits.keys()):
        raise BadInput("limits.by_hand", f"city.toml has limits of {', '.join(known)} already", by_hand)
    path = city.folder / "city.toml"
    try:
        text = path.read_text(encoding="utf-8").rstrip("\n") + "\n\n" + "\n".join(lines) + "\n"
        there = CityFile.model_validate(tomllib.loads(text)).mastodon.limits
        if there != {**city.settings.mastodon.limits, **less}:
            raise ValueError("it reads otherwise than it was written")
        write_atomically(path, text.encode("utf-8"), mode=stat.S_IMODE(path.stat().st_mode))
    except (OSError, ValueError) as error:
        raise BadInput("limits.by_hand", f"{path} cannot be added to: {error}", by_hand) from error


def _section(server: str, limits: ServerLimits) -> list[str]:
    return [
        f'[mastodon.limits."{server}"]',
        f"characters = {limits.characters}",
        f"code_points = {str(limits.code_points).lower()}",
    ]
