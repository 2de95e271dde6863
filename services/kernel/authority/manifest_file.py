"""A manifest's file on its way from one root key to the next, when a city begins whose owners hold these keys. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from schemas import canonical
from schemas.canonical import StrictJsonError
from schemas.events.authority import Manifest
from schemas.events.envelope import MANIFEST_TYPE, Envelope
from services.kernel.authority.signing import Signer, seal, verified_by
from services.kernel.base.errors import BadInput


def unsigned(manifest: Manifest) -> bytes:
    """Return the file of a manifest that nobody has signed yet: an envelope as the others, without a signature."""
    payload = base64.b64encode(manifest.to_bytes()).decode("ascii")
    return canonical.dumps({"payload": payload, "payloadType": MANIFEST_TYPE, "signatures": []})


@dataclass(frozen=True)
class ManifestDraft:
    """A manifest as its file holds it, and the envelope with the signatures so far; None before the first."""

    manifest: Manifest
    envelope: Envelope | None

    def signed_by(self) -> frozenset[str]:
        """Return the public keys whose signatures are good."""
        return verified_by(self.envelope, MANIFEST_TYPE) if self.envelope is not None else frozenset()

    def with_signature(self, signer: Signer) -> ManifestDraft:
        """Return it with one more signature; an older one by the same key goes."""
        made = seal(MANIFEST_TYPE, self.manifest, (signer,))
        others = self.envelope.signatures if self.envelope is not None else ()
        kept = [one for one in others if one.keyid != signer.public_key]
        return ManifestDraft(self.manifest, made.model_copy(update={"signatures": (*kept, *made.signatures)}))


def read_draft(raw: bytes) -> ManifestDraft | None:
    """Read a manifest's file, signed or not; None for a file that is no manifest.

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
        payload = base64.b64decode(said["payload"], validate=True)
        manifest = Manifest.from_bytes(payload)
        envelope = None if said.get("signatures") == [] else Envelope.from_bytes(raw)
    except (StrictJsonError, KeyError, TypeError, ValueError) as error:
        raise BadInput("manifest.malformed", "the manifest in this file cannot be read", "onevoice init") from error
    if payload != manifest.to_bytes():
        raise BadInput("manifest.malformed", "the manifest is not written as OneVoice writes it", "onevoice init")
    return ManifestDraft(manifest, envelope)


def is_unsigned(raw: bytes) -> bool:
    """Return whether a file is a manifest that nobody has signed yet; raises StrictJsonError, ValueError."""
    said = canonical.loads(raw)
    return isinstance(said, dict) and said.get("payloadType") == MANIFEST_TYPE and said.get("signatures") == []
