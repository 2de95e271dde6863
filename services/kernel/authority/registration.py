"""Reads what a browser answers when a device makes a passkey, by the library fido2. Used by the web service alone.

Nothing is believed of it for good: the new passkey signs its enrolment too (``schemas.events.enrolment``), which our
own verifier checks. Source: Web Authentication Level 3, 7.1. Pure.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from schemas import canonical
from schemas.events.passkeys import Passkey, WebPlace, credential_id
from services.kernel.base.errors import BadInput, first_fault

if TYPE_CHECKING:
    from fido2.webauthn import AuthenticatorData

ALGORITHMS = (-7, -8)
"""What a browser is asked for, by COSE number, in this order: ES256, EdDSA."""

_AGAIN = "open the link again, at the address that it has, and let the device make a new passkey"


def passkey_from(answer: Mapping[str, Any], challenge: bytes, place: WebPlace, label: str) -> Passkey:
    """Return the passkey that a device made.

    Args:
        answer: the answer of ``navigator.credentials.create``, as its ``toJSON()`` writes it.
        challenge: the 32 random bytes that it was asked with.
        place: where it has to have been made.
        label: what its person calls it.

    Raises:
        BadInput: ``passkey.registration``: made elsewhere, for another challenge, in a frame, without the person, or
            not to be read; ``passkey.kind``: with a key or a name that is not taken.
    """
    # Imported here: six megabytes, for what few days in a city's life need.
    from fido2.server import Fido2Server
    from fido2.webauthn import PublicKeyCredentialRpEntity, RegistrationResponse

    rp = PublicKeyCredentialRpEntity(id=place.rp_id, name=place.rp_id)
    server = Fido2Server(rp, verify_origin=place.origin.__eq__)
    state = {"challenge": credential_id(challenge), "user_verification": "required"}
    try:
        client = canonical.loads(bytes(RegistrationResponse.from_dict(answer).response.client_data))
        data = server.register_complete(state, answer)
        framed = client.get("crossOrigin", False) is not False or "topOrigin" in client
    except Exception as error:  # a stranger's bytes: whatever the library stumbles over
        raise BadInput("passkey.registration", f"the device's answer does not count: {error}"[:300], _AGAIN) from error
    if framed:
        raise BadInput("passkey.registration", "the passkey was made inside another site's page", _AGAIN)
    return _passkey(data, place, label)


def _passkey(data: AuthenticatorData, place: WebPlace, label: str) -> Passkey:
    from fido2 import cbor

    made = data.credential_data
    if made is None:
        raise BadInput("passkey.registration", "the device's answer holds no key", _AGAIN)
    try:
        return Passkey(
            rp_id=place.rp_id,
            origin=place.origin,
            credential=credential_id(made.credential_id),
            label=label,
            public_key=base64.b64encode(cbor.encode(dict(made.public_key))).decode("ascii"),
            device_bound=not data.flags & data.FLAG.BE,
        )
    except ValidationError as error:
        said = "use another device or security key, or give a plain name of at most 60 characters"
        raise BadInput("passkey.kind", f"this passkey cannot be taken: {first_fault(error)}", said) from error
