"""What the shell offers for officers, profiles and requests: what is known here, without asking the broker.

A folder that cannot be read offers nothing: completion is a help, and never an error. Light until it is asked.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from services.kernel.base.city import City


def officers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the officers of the manifest, and whose keys are here, that begin so."""
    from services.desk.people import known

    city = _city(ctx)
    if city is None:
        return []
    names = [*known(city)[0], *sorted(path.stem for path in city.key_path("x").parent.glob("*.nk"))]
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def profiles(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the profiles of the manifest that begin so."""
    from schemas.canonical import StrictJsonError
    from services.desk.people import manifest_of

    city = _city(ctx)
    try:
        found = manifest_of(city).profiles if city else ()
    except (OSError, StrictJsonError, ValueError):
        return []
    return [profile.id for profile in found if profile.id.startswith(incomplete)]


def requests(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the requests that this desk was shown last and that begin so, each with its first words."""
    from services.desk import seen

    city = _city(ctx)
    found = seen.read(city) if city else {}
    return [(name, text) for name, text in found.items() if name.startswith(incomplete)]


def _city(ctx: typer.Context) -> City | None:
    """Return the city, as typed so far, else as the environment has it."""
    from services.desk.keys.desk_folder import default_folder
    from services.kernel.base.city import load_city
    from services.kernel.base.errors import OneVoiceError

    folder = _typed(ctx, "city") or os.environ.get("ONEVOICE_CITY") or default_folder()
    realm = _typed(ctx, "realm") or os.environ.get("ONEVOICE_REALM")
    try:
        return load_city(Path(folder), "exercise" if realm == "exercise" else "live")
    except (OneVoiceError, OSError, ValueError):
        return None


def _typed(ctx: typer.Context, name: str) -> str:
    """Return an option as it was typed, before or after the command."""
    found = ctx.params.get(name)
    if found is None and ctx.parent is not None:
        found = ctx.parent.params.get(name)
    return str(found or "")
