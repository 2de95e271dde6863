"""Writes into city.toml what servers take, where messages are made for more; whatever else is in it stays as it is."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.kernel.base.files import replace_content
from services.kernel.base.settings.city_file import CityFile
from services.kernel.base.settings.city_platforms import ServerLimits


def write_limits(city: City, less: Mapping[str, ServerLimits]) -> tuple[str, ...]:
    """Add a section to city.toml for each server that has none, checked before it takes the place of the file.

    Args:
        city: the city folder.
        less: what servers take, by the name that city.toml has for them.

    Returns:
        The servers that have a section of their own already: a person has to change those (``lines``).

    Raises:
        BadInput: ``limits.by_hand``: city.toml cannot be written.
    """
    there = city.settings.mastodon.limits
    known, new = sorted(less.keys() & there.keys()), {name: less[name] for name in sorted(less.keys() - there.keys())}
    if not new:
        return tuple(known)
    path = city.folder / "city.toml"
    try:
        text = path.read_text(encoding="utf-8-sig").rstrip("\n") + "\n\n" + "\n".join(lines(new)) + "\n"
        if CityFile.model_validate(tomllib.loads(text)).mastodon.limits != {**there, **new}:
            raise ValueError("it reads otherwise than it was written")
        replace_content(path, text.encode("utf-8"))
    except (OSError, ValueError) as error:
        hint = f"write it yourself, and check again: {' '.join(lines(less))}"
        raise BadInput("limits.by_hand", f"{path} cannot be added to: {error}", hint) from error
    return tuple(known)


def lines(less: Mapping[str, ServerLimits]) -> list[str]:
    """Return the lines of city.toml that say what servers take."""
    return [line for server in sorted(less) for line in _section(server, less[server])]


def _section(server: str, limits: ServerLimits) -> list[str]:
    return [
        f'[mastodon.limits."{server}"]',
        f"characters = {limits.characters}",
        f"code_points = {str(limits.code_points).lower()}",
    ]
