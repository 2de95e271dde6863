"""city.toml as it is at the moment: what is new in it counts without a restart where somebody asks for it here."""

from __future__ import annotations

from services.kernel.base.city import City, load_city
from services.kernel.base.errors import BadInput
from services.kernel.base.settings.city_file import CityFile


def settings_now(city: City) -> CityFile:
    """Return city.toml as it is now, or as it was read at the start where it cannot be read any more."""
    try:
        return load_city(city.folder, city.realm).settings
    except BadInput:
        return city.settings
