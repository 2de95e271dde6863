"""A software authenticator: makes real passkeys and signatures, as phones and browsers do, and can lie."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor
from fido2.cose import ES256, CoseKey, EdDSA
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

from schemas.events.authority import Realm
from schemas.events.base import Contract
from schemas.events.enrolment import Enrolment
from schemas.events.envelope import ENROLMENT_TYPE, Envelope
from schemas.events.passkeys import Passkey, credential_id
from services.kernel.authority.passkeys import challenge_of, with_assertion

FLAG = AuthenticatorData.FLAG
ORIGIN = "https://desk.city.example"
RP_ID = "desk.city.example"


@dataclass(frozen=True)
class Answer:
    """What a browser gives a page after a signature, as bytes."""

    credential: bytes
    authenticator_data: bytes
    client_data: bytes
    signature: bytes


@dataclass
class Authenticator:
    """One passkey in one device, opened at one place. The same ``name`` gives the same key, so that tests repeat."""

    name: str = "phone"
    algorithm: Literal["ES256", "EdDSA"] = "ES256"
    origin: str = ORIGIN
    rp_id: str = RP_ID
    device_bound: bool = False
    key: Any = field(init=False)
    credential: bytes = field(init=False)

    def __post_init__(self) -> None:
        seed = hashlib.sha256(f"{self.name} {self.algorithm}".encode()).digest()
        self.credential = hashlib.sha256(b"id " + seed).digest()
        if self.algorithm == "ES256":
            self.key = ec.derive_private_key(int.from_bytes(seed, "big") >> 1, ec.SECP256R1())
        else:
            self.key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def cose(self) -> CoseKey:
        """The public key."""
        kind: Any = ES256 if self.algorithm == "ES256" else EdDSA
        made: CoseKey = kind.from_cryptography_key(self.key.public_key())
        return made

    @property
    def passkey(self) -> Passkey:
        """What the manifest says of it."""
        return Passkey.from_value(
            {
                "credential": credential_id(self.credential),
                "label": self.name,
                "public_key": _base64(cbor.encode(self.cose)),
                "rp_id": self.rp_id,
                "origin": self.origin,
                "device_bound": self.device_bound,
            }
        )

    @property
    def flags(self) -> int:
        """What an honest device says: present, verified, and whether it can be copied (and is)."""
        return int(FLAG.UP | FLAG.UV) | (0 if self.device_bound else int(FLAG.BE | FLAG.BS))

    def answer(
        self,
        challenge: bytes,
        /,
        *,
        flags: int | None = None,
        rp_id: str | None = None,
        counter: int = 0,
        more: bytes = b"",
        client: bytes | None = None,
        **said: Any,
    ) -> Answer:
        """Sign a challenge; ``said`` replaces fields of the client data (None: not there), ``client`` all of it."""
        hashed = hashlib.sha256((rp_id or self.rp_id).encode()).digest()
        data = hashed + bytes([self.flags if flags is None else flags]) + counter.to_bytes(4, "big") + more
        client = client_data("webauthn.get", challenge, self.origin, **said) if client is None else client
        signed = data + hashlib.sha256(client).digest()
        return Answer(self.credential, data, client, self._sign(signed))

    def sign(self, payload_type: str, statement: Contract, /, **wrong: Any) -> Envelope:
        """Sign a statement as an officer does in a browser; ``wrong`` as in ``answer``."""
        answer = self.answer(challenge_of(payload_type, statement.to_bytes()), **wrong)
        return sealed(payload_type, statement, answer)

    def register(self, challenge: bytes, /, *, flags: int | None = None, **said: Any) -> dict[str, Any]:
        """Return the answer to ``navigator.credentials.create``, in the JSON form of WebAuthn Level 3."""
        data = AuthenticatorData.create(
            hashlib.sha256(self.rp_id.encode()).digest(),
            FLAG((self.flags if flags is None else flags) | FLAG.AT),
            0,
            AttestedCredentialData.create(bytes(16), self.credential, self.cose),
        )
        made = AttestationObject.create("none", data, {})
        client = client_data("webauthn.create", challenge, self.origin, **said)
        name = credential_id(self.credential)
        response = {"clientDataJSON": credential_id(client), "attestationObject": credential_id(bytes(made))}
        return {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}

    def _sign(self, signed: bytes) -> bytes:
        if self.algorithm == "ES256":
            made: bytes = self.key.sign(signed, ec.ECDSA(SHA256()))
        else:
            made = self.key.sign(signed)
        return made


def enrolment_of(
    device: Authenticator, officer: str, token: str, at: datetime, /, realm: Realm = "live", **wrong: Any
) -> Envelope:
    """Return what a new passkey signs to become an officer's; ``wrong`` as in ``Authenticator.answer``."""
    statement = Enrolment(
        realm=realm,
        officer=officer,
        token=token,
        passkey=device.passkey,
        issued_at=at,
        expires_at=at + timedelta(minutes=2),
    )
    return device.sign(ENROLMENT_TYPE, statement, **wrong)


def client_data(kind: str, challenge: bytes, at: str, /, **said: Any) -> bytes:
    """Return client data as browsers write it; ``said`` replaces fields, None leaves one out."""
    fields = {"type": kind, "challenge": credential_id(challenge), "origin": at, "crossOrigin": False} | said
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def sealed(payload_type: str, statement: Contract, answer: Answer) -> Envelope:
    """Return a statement's envelope with a browser's answer."""
    return with_assertion(
        payload_type,
        statement,
        credential=answer.credential,
        authenticator_data=answer.authenticator_data,
        client_data=answer.client_data,
        signature=answer.signature,
    )


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
