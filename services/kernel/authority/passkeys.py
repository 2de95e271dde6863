"""Whether a passkey signed a statement, judged by code of our own; and what a browser is asked to sign. Pure.

A browser signs a challenge, and the challenge is the SHA-256 of the statement's DSSE pre-authentication encoding: so
the passkey is the signature, and whoever carries it cannot put another statement under it. Source: Web Authentication
Level 3, 7.2 (steps 10 to 24) and 5.8.1; DSSE v1.0.2. Counters are not looked at: a copied passkey has none.
"""

from __future__ import annotations

import base64
import hashlib

from schemas import canonical
from schemas.events.base import Contract
from schemas.events.envelope import Envelope, pae
from schemas.events.passkeys import EDDSA_COSE, ES256_COSE, Assertion, Passkey, credential_id

_PRESENT, _VERIFIED, _ELIGIBLE, _BACKED_UP, _MORE = 0x01, 0x04, 0x08, 0x10, 0xC0
_HEAD = 37
"""Bytes of authenticator data without extensions: hash of the relying party's id, flags, counter."""


def challenge_of(payload_type: str, payload: bytes) -> bytes:
    """Return the 32 bytes that a browser has to sign for a statement's canonical bytes (``Contract.to_bytes``)."""
    return hashlib.sha256(pae(payload_type, payload)).digest()


def with_assertion(
    payload_type: str,
    statement: Contract,
    *,
    credential: bytes,
    authenticator_data: bytes,
    client_data: bytes,
    signature: bytes,
) -> Envelope:
    """Return a statement with the passkey's signature, as the browser gave it; nothing is verified here.

    Raises:
        pydantic.ValidationError: a part is too long or too short to be what it is given as.
    """
    assertion = Assertion(
        keyid=credential_id(credential),
        sig=_text(signature),
        authenticatorData=_text(authenticator_data),
        clientDataJSON=_text(client_data),
    )
    return Envelope(payloadType=payload_type, payload=_text(statement.to_bytes()), signatures=(assertion,))


def passkey_code(passkey: Passkey) -> str:
    """Return the short code of a passkey, as in ``K7QP-2MXA-H4TZ``: its person and who confirms it compare it aloud."""
    said = f"passkey\n{passkey.credential}\n{passkey.public_key}\n{passkey.origin}".encode()
    code = base64.b32encode(hashlib.sha256(said).digest()).decode("ascii")
    return f"{code[:4]}-{code[4:8]}-{code[8:12]}"


def assertion_fault(assertion: Assertion, passkey: Passkey, message: bytes) -> str:
    """Return why a passkey's signature does not count for a message, in plain words; empty when it counts.

    ``message`` is the pre-authentication encoding of what was signed. Raises nothing.
    """
    try:
        data, client, signature = (
            base64.b64decode(part, validate=True)
            for part in (assertion.authenticator_data, assertion.client_data, assertion.sig)
        )
        said = canonical.loads(client)
    except ValueError:  # StrictJsonError and binascii.Error
        return "the browser's part of the signature cannot be read"
    if assertion.keyid != passkey.credential:
        return "it is signed by another passkey"
    fault = _client_fault(said, passkey, message) or _authenticator_fault(data, passkey)
    if fault:
        return fault
    signed = data + hashlib.sha256(client).digest()
    return (
        "" if _good(base64.b64decode(passkey.public_key), signature, signed) else "the signature is not the passkey's"
    )


def _client_fault(said: object, passkey: Passkey, message: bytes) -> str:
    """Say what is wrong with what the browser says of itself: libraries do not look at the frames round a page."""
    if not isinstance(said, dict) or said.get("type") != "webauthn.get":
        return "it is no signature, but another answer of the browser"
    if said.get("challenge") != credential_id(hashlib.sha256(message).digest()):
        return "another statement was signed"
    if said.get("origin") != passkey.origin:
        return f"it was signed at another address than {passkey.origin}"
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        return "it was signed inside another site's page"
    return ""


def _authenticator_fault(data: bytes, passkey: Passkey) -> str:
    if len(data) < _HEAD or data[:32] != hashlib.sha256(passkey.rp_id.encode()).digest():
        return f"it was signed for another site than {passkey.rp_id}"
    flags = data[32]
    if not flags & _PRESENT or not flags & _VERIFIED:
        return "the device did not ask for the person's finger, face or PIN"
    if bool(flags & _ELIGIBLE) is passkey.device_bound or (flags & _BACKED_UP and not flags & _ELIGIBLE):
        return "the device says otherwise than at its enrolment whether the passkey can be copied"
    if len(data) != _HEAD and not flags & _MORE:
        return "the browser's part of the signature cannot be read"
    return ""


def _good(cose: bytes, signature: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # a third of what a command takes to start
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        if found := ES256_COSE.fullmatch(cose):
            point = b"\x04" + found[1] + found[2]
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            key.verify(signature, signed, ec.ECDSA(SHA256()))
        elif found := EDDSA_COSE.fullmatch(cose):
            ed25519.Ed25519PublicKey.from_public_bytes(found[1]).verify(signature, signed)
        else:
            return False
    except (InvalidSignature, ValueError):  # a point that is not on the curve is a ValueError
        return False
    return True


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
