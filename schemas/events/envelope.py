"""A signed statement: DSSE v1.0.2 (Dead Simple Signing Envelope), by keys or passkeys, over the exact bytes."""

from __future__ import annotations

import base64
from datetime import timedelta

from pydantic import Field

from schemas.events.base import Contract, PublicKey
from schemas.events.passkeys import Assertion, Base64

APPROVAL_TYPE = "application/vnd.onevoice.approval.v1+json"
ORDER_TYPE = "application/vnd.onevoice.order.v1+json"
RESOLUTION_TYPE = "application/vnd.onevoice.resolution.v1+json"
ACKNOWLEDGEMENT_TYPE = "application/vnd.onevoice.acknowledgement.v1+json"
DEAD_LETTER_TYPE = "application/vnd.onevoice.dead-letter.v1+json"
MANIFEST_TYPE = "application/vnd.onevoice.manifest.v1+json"
SUBMISSION_TYPE = "application/vnd.onevoice.submission.v1+json"
ENROLMENT_TYPE = "application/vnd.onevoice.enrolment.v1+json"
RENEWAL_TYPE = "application/vnd.onevoice.renewal.v1+json"
QUARANTINE_TYPE = "application/vnd.onevoice.quarantine.v1+json"
CHECKPOINT_TYPE = "application/vnd.onevoice.checkpoint.v1+json"
EXPORT_TYPE = "application/vnd.onevoice.export.v1+json"

CLOCK_SKEW = timedelta(seconds=60)
"""How far ahead of the reader's clock a signer's may be: from a minute after now on, a statement is of the future."""


class Signature(Contract):
    """A key's signature: keyid is the signer's public nkey."""

    keyid: PublicKey
    sig: Base64


class Envelope(Contract):
    """Payload bytes in base64, their type, and who signed them."""

    payload_type: str = Field(alias="payloadType")
    payload: Base64
    signatures: tuple[Signature | Assertion, ...] = Field(min_length=1, max_length=8)

    model_config = Contract.model_config | {"populate_by_name": True, "serialize_by_alias": True}

    def payload_bytes(self) -> bytes:
        """Return the exact bytes that were signed over (before the DSSE encoding)."""
        return base64.b64decode(self.payload, validate=True)

    def signed_bytes(self) -> bytes:
        """Return DSSE's pre-authentication encoding: what the signature covers."""
        return pae(self.payload_type, self.payload_bytes())


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding of a payload and its type."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
