"""Signing in: what a passkey signs for it, and whose passkey it was. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import StringConstraints

from schemas.events.authority import Officer, Realm
from schemas.events.base import Contract, Utc
from schemas.events.desk import OfficerView
from schemas.events.envelope import Envelope
from schemas.events.passkeys import Origin, Passkey
from services.kernel.authority.officer_keys import OfficerKeys
from services.kernel.base.errors import Refused

SIGN_IN_TYPE = "application/vnd.onevoice.sign-in.v1+json"
"""Of no statement that any service takes: what is signed to sign in can be nothing else."""


class SignIn(Contract):
    """What a passkey signs to open a session of the pages: of this realm, at this address, once."""

    realm: Realm
    origin: Origin
    issued_at: Utc
    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


def who_signed(envelope: Envelope, officers: Iterable[OfficerView]) -> tuple[Officer, Passkey]:
    """Return the officer whose passkey signed, and that passkey.

    Raises:
        Refused: ``sign_in.unknown`` (no officer's passkey), ``sign_in.signature`` (with the reason).
    """
    wanted = envelope.signatures[0].keyid
    for view in officers:
        passkey = passkey_of(view, wanted)
        if passkey is None:
            continue
        keys = OfficerKeys(None, (passkey,))
        if not keys.signer_of(envelope, SIGN_IN_TYPE):
            raise Refused(
                "sign_in.signature", f"you are not signed in: {keys.fault_of(envelope, SIGN_IN_TYPE)}", _AGAIN
            )
        return view.officer, passkey
    raise Refused(
        "sign_in.unknown",
        "this passkey is not one of an officer of this city",
        "If it is new, another officer has to confirm it first. If it was removed, ask for a new link.",
    )


_AGAIN = "Try again on this page; another page cannot sign you in here."


def passkey_of(view: OfficerView | None, credential: str) -> Passkey | None:
    """Return an officer's passkey by its id, unless it or the officer does not count any more."""
    if view is None or view.revoked:
        return None
    return next((one for one in view.officer.passkeys or () if one.credential == credential), None)
