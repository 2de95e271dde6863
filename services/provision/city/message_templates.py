"""The usual templates of messages, for a city to change as it needs them (``templates/*.toml`` in its folder)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

USUAL = files("services.provision.city").joinpath("templates")


def write_templates(folder: Path) -> list[str]:
    """Write those that are not there yet; return their names. Raises OSError."""
    folder.mkdir(exist_ok=True)
    made = []
    for usual in sorted(USUAL.iterdir(), key=lambda one: one.name):
        path = folder / usual.name
        if path.suffix == ".toml" and not path.exists():
            path.write_bytes(usual.read_bytes())
            made.append(path.stem)
    return made
