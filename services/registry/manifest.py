"""The signed manifest of a city folder: what the ledger begins with."""

from __future__ import annotations

from pydantic import ValidationError

from schemas.canonical import StrictJsonError
from schemas.events.envelope import Envelope
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.kernel.base.hints import readable_again


def read_manifest(city: City) -> Envelope:
    """Return the signed manifest of a city folder.

    Raises:
        BadInput: ``manifest.missing``, ``manifest.malformed``.
    """
    path = city.manifest_path
    try:
        return Envelope.from_bytes(path.read_bytes())
    except OSError as error:
        hint = readable_again(path, error, "restore it from a backup")
        raise BadInput("manifest.missing", f"{path}: {error.strerror}", hint) from error
    except (StrictJsonError, ValidationError) as error:
        raise BadInput("manifest.malformed", f"{path} is not a signed manifest", "restore it from a copy") from error
