"""A realm's signed authority manifest: made at init, read and checked at provisioning."""

from __future__ import annotations

from schemas.canonical import StrictJsonError
from schemas.events.authority import Manifest
from schemas.events.envelope import MANIFEST_TYPE, Envelope
from services.kernel.authority.manifest_file import is_unsigned
from services.kernel.authority.signing import verified_by
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Unproven
from services.kernel.base.hints import readable_again


def read_envelope(city: City) -> Envelope:
    """Return the signed manifest of the city folder.

    Raises:
        BadInput: ``manifest.missing``, ``manifest.malformed``.
        Unproven: ``manifest.signature``, nobody has signed it yet.
    """
    path = city.manifest_path
    try:
        raw = path.read_bytes().strip()
        if is_unsigned(raw):
            raise _too_few(city, 0)
        return Envelope.from_bytes(raw)
    except OSError as error:
        hint = readable_again(path, error, "restore it from a backup")
        raise BadInput("manifest.missing", f"{path} cannot be read: {error.strerror}", hint) from error
    except (StrictJsonError, ValueError) as error:
        raise BadInput("manifest.malformed", f"{path}: {error}", "restore it from a backup") from error


def read_manifest(city: City) -> Manifest:
    """Return the realm's manifest, after its signatures were checked against the keys that city.toml pins.

    Raises:
        BadInput: as ``read_envelope``; ``manifest.realm`` for one of the other realm.
        Unproven: ``manifest.signature``, too few of the root keys have signed these bytes.
    """
    envelope = read_envelope(city)
    authority = city.authority
    signed = verified_by(envelope, MANIFEST_TYPE) & frozenset(authority.root_keys)
    if len(signed) < authority.threshold:
        raise _too_few(city, len(signed))
    try:
        manifest = Manifest.from_bytes(envelope.payload_bytes())
    except (StrictJsonError, ValueError) as error:
        raise BadInput("manifest.malformed", f"{city.manifest_path}: {error}", "restore it") from error
    if manifest.realm != city.realm:
        raise BadInput(
            "manifest.realm", f"{city.manifest_path} is for the realm {manifest.realm}", "put the right one there"
        )
    return manifest


def _too_few(city: City, signed: int) -> Unproven:
    return Unproven(
        "manifest.signature",
        f"{city.manifest_path} has {signed} of {city.authority.threshold} signatures by root keys",
        "have each owner of a root key sign it: onevoice root sign FILE --key THEIR-KEY; or restore it from a backup",
    )
