"""Who acts: the officer or system that was named, or for questions the first officer whose key is here."""

from __future__ import annotations

import os

from schemas import flow
from schemas.canonical import StrictJsonError
from schemas.events.authority import Manifest
from schemas.events.envelope import Envelope
from services.desk.words import check_id
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput

VARIABLE = "ONEVOICE_AS"


def acting(given: str | None, city: City | None = None) -> str:
    """Return who signs and sends: ``--as``, else the environment's ONEVOICE_AS, else whose one key is in the folder.

    Raises:
        BadInput: ``officer.missing``, ``officer.id``.
    """
    name = given if given is not None else os.environ.get(VARIABLE)
    if not name and city is not None and len(found := keys_in(city)) == 1:
        return found[0]
    if not name:
        raise BadInput("officer.missing", "who does this? no officer was named", "--as OFFICER, or ONEVOICE_AS")
    return check_id(name, "officer")


def asking(city: City, given: str | None) -> str:
    """Return who asks the board: as ``acting``, else the first officer of the manifest whose key is readable.

    Raises:
        BadInput: ``officer.missing`` when there is no readable key of an officer here.
    """
    if given is not None or os.environ.get(VARIABLE):
        return acting(given)
    found = reader(city)
    if found is None:
        raise BadInput(
            "officer.missing",
            f"there is no officer's key in {city.key_path('x').parent} that you may read",
            "name one with --as OFFICER, or check the city folder (--city) and the realm (--realm)",
        )
    return found


def looking(city: City, given: str | None) -> str:
    """Return who looks at a city's health: as ``asking``, but before officers the user who may look and nothing else.

    On the city's own machine that key is open, where those of officers are sealed or not there.

    Raises:
        BadInput: ``officer.missing``.
    """
    named = given is not None or bool(os.environ.get(VARIABLE))
    return asking(city, given) if named or not os.access(city.key_path(flow.DOCTOR), os.R_OK) else flow.DOCTOR


def keys_in(city: City) -> list[str]:
    """Return whose keys are in a folder: each name once."""
    return sorted(path.stem for path in city.key_path("x").parent.glob("*.nk") if "." not in path.stem)


def reader(city: City) -> str | None:
    """Return the first officer whose key can be read here, in the order of the manifest, or None."""
    officers, systems = known(city)
    here = keys_in(city)
    ordered = [*(name for name in officers if name in here), *(n for n in here if n not in officers + systems)]
    return next((name for name in ordered if os.access(city.key_path(name), os.R_OK)), None)


def is_system(city: City, name: str) -> bool:
    """True when the name is that of a system: it only submits."""
    return name in known(city)[1]


def manifest_of(city: City) -> Manifest:
    """Return the manifest of the city folder, unchecked: it is only a help. Raises OSError, ValueError."""
    return Manifest.from_bytes(Envelope.from_bytes(city.manifest_path.read_bytes()).payload_bytes())


def known(city: City) -> tuple[list[str], list[str]]:
    """Return the officers and systems of the local manifest; empty where there is none (it is only a help)."""
    try:
        manifest = manifest_of(city)
    except (OSError, StrictJsonError, ValueError):
        return [], []
    return [officer.id for officer in manifest.officers], [system.id for system in manifest.systems]
