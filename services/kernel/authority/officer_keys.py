"""What an officer signs with: their key at the desk, or one of their passkeys. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from schemas.events.envelope import Envelope
from schemas.events.passkeys import Assertion, Passkey
from services.kernel.authority.passkeys import assertion_fault
from services.kernel.authority.signing import verified_by


@dataclass(frozen=True)
class OfficerKeys:
    """The keys of one officer that count: their nkey, None for who has none, and their passkeys."""

    nkey: str | None
    passkeys: tuple[Passkey, ...] = ()

    def signer_of(self, envelope: Envelope, payload_type: str) -> str:
        """Return the id of the key of theirs that signed an envelope, and nobody else; empty where none did."""
        return _judge(self, envelope, payload_type)[0]

    def fault_of(self, envelope: Envelope, payload_type: str) -> str:
        """Return why none of these keys signed an envelope alone, in plain words; empty when one did."""
        return _judge(self, envelope, payload_type)[1]


@lru_cache(maxsize=4_096)
def _judge(keys: OfficerKeys, envelope: Envelope, payload_type: str) -> tuple[str, str]:
    """Return who signed and why nobody did. The same bytes are verified once."""
    signature = envelope.signatures[0]
    if not isinstance(signature, Assertion):
        signed = keys.nkey is not None and verified_by(envelope, payload_type) == {keys.nkey}
        return (keys.nkey or "" if signed else ""), ""
    passkey = next((one for one in keys.passkeys if one.credential == signature.keyid), None)
    if passkey is None:
        return "", "this passkey is not one of theirs, or they may not use it"
    if len(envelope.signatures) != 1 or envelope.payload_type != payload_type:
        return "", "it is not signed by one passkey, over this kind of statement"
    try:
        message = envelope.signed_bytes()
    except ValueError:  # binascii.Error
        return "", "what was signed cannot be read"
    fault = assertion_fault(signature, passkey, message)
    return ("", fault) if fault else (signature.keyid, "")
