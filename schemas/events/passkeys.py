"""Passkeys: an officer's WebAuthn credentials, and their signatures in an envelope.

Source: Web Authentication Level 3 (W3C), sections 4 and 6; RFC 9053 (COSE keys); CTAP 2.1, canonical CBOR.
"""

from __future__ import annotations

import base64
import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schemas.events.base import Contract

Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
CredentialId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22,1364}$")]
"""A credential's id, in base64url without padding: 16 to 1,023 bytes."""

ES256_COSE = re.compile(rb"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20(.{32})\x22\x58\x20(.{32})", re.DOTALL)
EDDSA_COSE = re.compile(rb"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20(.{32})", re.DOTALL)
"""The keys that are taken, as COSE in canonical CBOR: EC2 on P-256 with ES256 (x and y), OKP with Ed25519 (x)."""

_ORIGIN = re.compile(
    r"https://(?P<host>[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(?P<port>:[0-9]{1,5})?|http://localhost(?P<local>:[0-9]{1,5})?"
)


def _cose_key(text: str) -> str:
    raw = base64.b64decode(text, validate=True)
    if not (ES256_COSE.fullmatch(raw) or EDDSA_COSE.fullmatch(raw)):
        raise ValueError("not a COSE key of ES256 (P-256) or EdDSA (Ed25519) in canonical CBOR")
    return text


def _label(text: str) -> str:
    if not 1 <= len(text) <= 60 or not text.isprintable() or text != text.strip():
        raise ValueError("a passkey's name has 1 to 60 visible characters")
    return text


def _origin(text: str) -> str:
    found = _ORIGIN.fullmatch(text)
    if found is None or ".." in text or not 1 <= int((found["port"] or found["local"] or ":1")[1:]) <= 65_535:
        raise ValueError("an origin is https://HOST[:PORT], or http://localhost[:PORT], in lowercase, with no path")
    return text


Origin = Annotated[str, AfterValidator(_origin), StringConstraints(max_length=260)]
RpId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253)]


def host_of(origin: str) -> str:
    """Return the host of an origin: the relying party's id where none is named."""
    found = _ORIGIN.fullmatch(origin)
    return (found["host"] if found else None) or "localhost"


class WebPlace(Contract):
    """Where a passkey is made and used: a browser answers for this origin alone, a passkey for this relying party."""

    rp_id: RpId
    origin: Origin

    @model_validator(mode="after")
    def _the_origin_belongs_to_the_relying_party(self) -> Self:
        host = host_of(self.origin)
        if host != self.rp_id and not host.endswith(f".{self.rp_id}"):
            raise ValueError(f"{self.rp_id} is neither the origin's host {host} nor a domain above it")
        return self


class Passkey(WebPlace):
    """One credential of an officer: in a phone, a computer or a security key.

    ``credential`` names it, ``label`` is what people call it, ``public_key`` is its COSE key in base64.
    ``device_bound``: it never leaves its device; else it may be copied between a person's devices (backup eligible).
    """

    credential: CredentialId
    label: Annotated[str, AfterValidator(_label)]
    public_key: Annotated[Base64, AfterValidator(_cose_key)]
    device_bound: bool


class Assertion(Contract):
    """A passkey's signature in an envelope: a WebAuthn assertion whose challenge is what the envelope signs.

    The challenge is the SHA-256 of DSSE's pre-authentication encoding. ``keyid`` is the credential's id; ``sig`` covers
    the authenticator data and the hash of the client data.
    """

    keyid: CredentialId
    sig: Annotated[Base64, StringConstraints(max_length=400)]
    authenticator_data: Annotated[Base64, StringConstraints(max_length=1_400)] = Field(alias="authenticatorData")
    client_data: Annotated[Base64, StringConstraints(max_length=5_600)] = Field(alias="clientDataJSON")

    model_config = Contract.model_config | {"populate_by_name": True, "serialize_by_alias": True}


def credential_id(raw: bytes) -> str:
    """Return a credential's id as it is in contracts."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
