"""Whether an officer signed a statement of the record, by a key or a passkey: in code apart from that of the services.

The gate, the worker and the fold ask ``services.kernel.authority``; a mistake there must not be a mistake here. Pure.
Source: Web Authentication Level 3, 6.1 and 7.2; DSSE v1.0.2.
"""

from __future__ import annotations

import hashlib
import json
import struct
from base64 import b64decode, urlsafe_b64encode
from datetime import datetime
from functools import lru_cache
from typing import Any

from schemas.events.envelope import Envelope
from schemas.events.passkeys import Assertion, Passkey
from services.kernel.authority.signing import verified_by
from services.kernel.control.control_state import ControlState


def signed_by_officer(
    envelope: Envelope, payload_type: str, control: ControlState, officer: str, at: datetime | None = None
) -> bool:
    """Return whether an officer, and nobody else, signed an envelope with a key or passkey of theirs.

    With a time the roles that demand a device-bound passkey count too, as they were held then.
    """
    person = control.officers.get(officer)
    if person is None:
        return False
    first = envelope.signatures[0]
    if not isinstance(first, Assertion):
        return person.public_key is not None and verified_by(envelope, payload_type) == {person.public_key}
    if len(envelope.signatures) > 1 or envelope.payload_type != payload_type:
        return False
    held = control.roles_of(officer, at) if at is not None else frozenset()
    demands = held & {*(control.settings.device_bound_roles or ())}
    mine = [one for one in person.passkeys or () if one.credential == first.keyid]
    return any(_asserted(envelope, first, one) for one in mine if one.device_bound or not demands)


@lru_cache(maxsize=1_024)
def _asserted(envelope: Envelope, assertion: Assertion, passkey: Passkey) -> bool:
    """Return whether an assertion is this passkey's, made for these very bytes, at its own address, by its person."""
    try:
        given, said = b64decode(assertion.authenticator_data), b64decode(assertion.client_data)
        client = json.loads(said.decode("utf-8"), object_pairs_hook=_each_once)
        relying_party, flags, _counter = struct.unpack(">32sBI", given[:37])
        kind, payload = envelope.payload_type, envelope.payload_bytes()
        preface = f"DSSEv1 {len(kind.encode())} {kind} {len(payload)} ".encode()
        facts = (
            client["type"] == "webauthn.get",
            client["origin"] == passkey.origin,
            client.get("crossOrigin", False) is False,
            "topOrigin" not in client,
            client["challenge"].encode() == urlsafe_b64encode(hashlib.sha256(preface + payload).digest()).rstrip(b"="),
            relying_party == hashlib.sha256(passkey.rp_id.encode()).digest(),
            flags & 0b101 == 0b101,
            flags & 0b11000 in ((0,) if passkey.device_bound else (0b1000, 0b11000)),
        )
        return all(facts) and _verifies(passkey, b64decode(assertion.sig), given + hashlib.sha256(said).digest())
    except (ValueError, KeyError, TypeError, AttributeError, struct.error, RecursionError):
        return False


def _verifies(passkey: Passkey, signature: bytes, signed: bytes) -> bool:
    # Imported here: seven megabytes, where nobody signs by a passkey.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    cose = b64decode(passkey.public_key)
    try:
        if len(cose) == 77:  # EC2: x from 10 on, y from 45 on (32 bytes each)
            x, y = (int.from_bytes(cose[at : at + 32], "big") for at in (10, 45))
            public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
            public.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        else:  # OKP: x is the last 32 of 42 bytes
            ed25519.Ed25519PublicKey.from_public_bytes(cose[10:]).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)
