"""Decides whether an authority manifest may begin the ledger, or is the one that did. Pure."""

from __future__ import annotations

from schemas.events.authority import Manifest, Realm
from schemas.events.control import Genesis
from schemas.events.envelope import Envelope
from services.kernel.authority.statements import hash_of_signed
from services.kernel.base.errors import BadInput
from services.kernel.control.control_fold import fold
from services.kernel.control.control_state import ControlFault, ControlState


def check_genesis(event: Genesis, realm: Realm, root_keys: frozenset[str], threshold: int) -> Manifest:
    """Return the manifest that begins the ledger, by the fold that every reader of the ledger uses.

    Args:
        event: the first control event.
        realm: the realm of the ledger.
        root_keys: the public keys that city.toml pins.
        threshold: how many of them must have signed.

    Raises:
        BadInput: with the fold's code (``manifest.*``).
    """
    try:
        fold(ControlState(), event, 1, root_keys=root_keys, threshold=threshold, realm=realm)
    except ControlFault as fault:
        raise BadInput(fault.code, fault.message, "have the manifest signed by the root keys of city.toml") from fault
    return Manifest.from_bytes(event.manifest.payload_bytes())


def check_same(manifest: Envelope, control: ControlState) -> None:
    """Check that the city folder's manifest is the one that the ledger began with.

    Raises:
        BadInput: ``manifest.other``: a second manifest is never taken, and never passed over in silence.
    """
    if hash_of_signed(manifest) != control.manifest_sha256:
        raise BadInput(
            "manifest.other",
            "the manifest in the city folder is not the one that the ledger began with",
            "restore the file from a backup; people are changed by onevoice officers, root keys by onevoice root renew",
        )
