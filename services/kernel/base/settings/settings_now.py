"""city.toml as it is at the moment: what is new in it counts without a restart where somebody asks for it here."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from schemas.events.authority import Realm
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import BadInput
from services.kernel.base.settings.city_file import CityFile


def settings_now(city: City) -> CityFile:
    """Return city.toml as it is now, or as it was read at the start where it cannot be read any more.

    A file that was not changed is not read again. Where it is ``seen_alone``, it stays as it was at the start.
    """
    try:
        found = (city.folder / "city.toml").stat()
        return _read(city.folder, city.realm, (found.st_mtime_ns, found.st_size, found.st_ino))
    except (BadInput, OSError):
        return city.settings


def seen_alone(path: Path) -> bool:
    """Say whether a file was mounted by itself, as units, containers and pods have city.toml.

    Such a mount stays with the file that was there at the start: one that takes its place is not seen.
    """
    return path.lstat().st_dev != path.parent.stat().st_dev


@lru_cache(maxsize=8)
def _read(folder: Path, realm: Realm, _version: tuple[int, int, int]) -> CityFile:
    return load_city(folder, realm).settings
