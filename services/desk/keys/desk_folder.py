"""A person's desk folder: what one machine needs to act in a city as one person. Light: the standard library only.

``$XDG_CONFIG_HOME/onevoice/<city>/`` (usually ``~/.config/onevoice/``) holds city.toml with the broker's address and
the city's pinned root keys, ca.pem if the broker has TLS, and keys/ with the person's own. Nothing else of the city.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path


def desks() -> Path:
    """Return where desk folders are."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "onevoice"


def desk_for(city: str) -> Path:
    """Return the desk folder for a city, by its name."""
    plain = unicodedata.normalize("NFKD", city).encode("ascii", "ignore").decode()
    return desks() / (re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "city")


def default_folder() -> Path:
    """Return the folder of a command that names none: this one if it is a city's, else the only desk folder.

    A place that this user may not look into has none: a service's user often has root's HOME and working folder.
    """
    here = Path(".")
    if os.path.exists(here / "city.toml"):  # Path.exists raises where this user may not look
        return here
    found = desk_folders()
    return found[0] if len(found) == 1 else here


def desk_folders() -> list[Path]:
    """Return the desk folders of this person, one for each city."""
    try:
        return sorted(path.parent for path in desks().glob("*/city.toml"))
    except (OSError, RuntimeError):  # RuntimeError: neither HOME nor an entry in the list of users
        return []
