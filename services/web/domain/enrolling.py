"""A new passkey: whose link it is, and what a browser is asked for. Pure but for the random challenge."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from schemas import canonical
from schemas.events.desk import OfficerView
from schemas.events.enrolment import InviteView
from schemas.events.passkeys import WebPlace, credential_id
from services.kernel.authority.registration import ALGORITHMS
from services.kernel.base.errors import Refused


def link_of(token: str, invites: Iterable[InviteView], place: WebPlace) -> InviteView:
    """Return the one-time link that a token belongs to; raises Refused ``enrolment.link``."""
    wanted = canonical.sha256(token.encode("utf-8", "replace"))
    for one in invites:
        if one.token_sha256 == wanted and (one.origin, one.rp_id) == (place.origin, place.rp_id):
            return one
    raise Refused(
        "enrolment.link",
        "this link was used already, has run out, or is not complete",
        "Ask another officer for a new one: onevoice passkeys link OFFICER",
    )


def asked(view: OfficerView, place: WebPlace, city: str) -> tuple[dict[str, Any], bytes]:
    """Return what the page's script needs to have a passkey made, and the challenge that its answer has to hold."""
    officer, challenge = view.officer, secrets.token_bytes(32)
    return {
        "challenge": credential_id(challenge),
        "rp": {"id": place.rp_id, "name": city},
        "user": {"id": credential_id(officer.id.encode()), "name": officer.id, "displayName": officer.name},
        "kinds": list(ALGORITHMS),
        "exclude": [one.credential for one in officer.passkeys or ()],
    }, challenge


def registration(credential: bytes, client_data: bytes, attestation: bytes) -> dict[str, Any]:
    """Return a browser's answer in the JSON form of WebAuthn Level 3."""
    name = credential_id(credential)
    response = {"clientDataJSON": credential_id(client_data), "attestationObject": credential_id(attestation)}
    return {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}
