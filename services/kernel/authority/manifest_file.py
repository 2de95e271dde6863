"""A manifest's file on its way from one root key to the next, when a city begins whose owners hold these keys. Pure."""

from __future__ import annotations

import base64

from schemas import canonical
from schemas.canonical import StrictJsonError
from schemas.events.authority import Manifest
from schemas.events.envelope import MANIFEST_TYPE, Envelope
from services.kernel.authority.signing import Signer, seal
from services.kernel.base.errors import BadInput


def unsigned(manifest: Manifest) -> bytes:
    """Return the file of a manifest that nobody has signed yet: an envelope as the others, without a signature."""
    payload = base64.b64encode(manifest.to_bytes()).decode("ascii")
    return canonical.dumps({"payload": payload, "payloadType": MANIFEST_TYPE, "signatures": []})


def with_signature(raw: bytes, signer: Signer) -> tuple[Manifest, Envelope] | None:
    """Return a manifest and its envelope with one more signature; None for a file that is no manifest.

    Raises:
        BadInput: ``manifest.malformed``, it says that it is one, and cannot be read.
    """
    try:
        said = canonical.loads(raw)
    except (StrictJsonError, ValueError):
        return None
    if not isinstance(said, dict) or said.get("payloadType") != MANIFEST_TYPE:
        return None
    try:
        manifest = Manifest.from_bytes(base64.b64decode(said["payload"], validate=True))
        others = () if said.get("signatures") == [] else Envelope.from_bytes(raw).signatures
    except (StrictJsonError, KeyError, TypeError, ValueError) as error:
        raise BadInput("manifest.malformed", "the manifest in this file cannot be read", "onevoice init") from error
    made = seal(MANIFEST_TYPE, manifest, (signer,))
    if base64.b64decode(said["payload"]) != made.payload_bytes():
        raise BadInput("manifest.malformed", "the manifest is not written as OneVoice writes it", "onevoice init")
    kept = [one for one in others if one.keyid != signer.public_key]
    return manifest, made.model_copy(update={"signatures": (*kept, *made.signatures)})


def is_unsigned(raw: bytes) -> bool:
    """Return whether a file is a manifest that nobody has signed yet; raises StrictJsonError, ValueError."""
    said = canonical.loads(raw)
    return isinstance(said, dict) and said.get("payloadType") == MANIFEST_TYPE and said.get("signatures") == []
