"""The root of the city's authority: its first version in the manifest, and the renewals. Pure.

Source: TUF 1.0, sections 5.3 and 6.1: a new root is signed by a threshold of the old keys and of the new ones, its
version is the next one, and one that has expired is refused.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from schemas.canonical import StrictJsonError
from schemas.events import control as c
from schemas.events.authority import Manifest, Renewal
from schemas.events.envelope import MANIFEST_TYPE, RENEWAL_TYPE, Envelope
from services.kernel.authority.signing import verified_by
from services.kernel.control.control_state import ControlFault, ControlState

GAINS = frozenset(
    {
        "designate",
        "officer_add",
        "reinstate",
        "rekey",
        "passkey_invite",
        "passkey_add",
        "system_add",
        "settings",
        "confirm",
    }
)
"""What nobody may order after the authority expired: all that gives power. What takes power, or stops, goes on."""


def read_manifest(envelope: Envelope, root_keys: frozenset[str], threshold: int, realm: str, now: datetime) -> Manifest:
    """Return the manifest that may begin a ledger; raises ControlFault ``manifest.*``."""
    signed = verified_by(envelope, MANIFEST_TYPE) & root_keys
    if len(signed) < max(threshold, 1):
        raise ControlFault(
            "manifest.signature", f"the manifest has {len(signed)} of {threshold} signatures by root keys"
        )
    try:
        manifest = Manifest.from_bytes(envelope.payload_bytes())
    except (StrictJsonError, ValueError) as error:
        raise ControlFault("manifest.malformed", f"the manifest cannot be read: {error}") from error
    if manifest.realm != realm:
        raise ControlFault("manifest.realm", f"the manifest is for {manifest.realm}, this is {realm}")
    if manifest.threshold not in (None, threshold):
        said = f"the manifest asks for {manifest.threshold} people, and the pinned threshold is {threshold}"
        raise ControlFault("manifest.threshold", said)
    if manifest.expires_at is not None and manifest.expires_at <= now:
        raise ControlFault("manifest.expired", f"the manifest expired on {manifest.expires_at:%Y-%m-%d}")
    return manifest


def read_renewal(envelope: Envelope) -> Renewal:
    """Return the renewal that an envelope holds; raises ControlFault ``renewal.malformed``."""
    try:
        return Renewal.from_bytes(envelope.payload_bytes())
    except (StrictJsonError, ValueError) as error:
        raise ControlFault("renewal.malformed", f"the renewal cannot be read: {error}") from error


def renew(state: ControlState, event: c.Renewed, seq: int, now: datetime) -> ControlState:
    """Return the state under the root's next version; raises ControlFault ``renewal.*``."""
    renewal = read_renewal(event.renewal)
    if renewal.realm != state.realm:
        raise ControlFault("renewal.realm", f"the renewal is for {renewal.realm}, this is {state.realm}")
    if renewal.version != state.version + 1:
        said = f"version {state.version} of the authority is in force, and this is version {renewal.version}"
        raise ControlFault("renewal.version", f"{said}; the next one is {state.version + 1}")
    if renewal.expires_at <= now:
        raise ControlFault("renewal.expired", f"the renewal expired on {renewal.expires_at:%Y-%m-%d}")
    new = frozenset(renewal.root_keys)
    if len(new) < renewal.threshold:
        raise ControlFault("renewal.threshold", f"{len(new)} root keys can never give {renewal.threshold} signatures")
    signed = verified_by(event.renewal, RENEWAL_TYPE)
    for which, keys, needed in (("old", state.root_keys, state.root_threshold), ("new", new, renewal.threshold)):
        if len(signed & keys) < needed:
            said = f"it has {len(signed & keys)} of {needed} signatures by the {which} root keys"
            raise ControlFault("renewal.signature", said)
    return replace(
        state,
        seq=seq,
        root_keys=new,
        root_threshold=renewal.threshold,
        threshold=renewal.threshold,
        version=renewal.version,
        expires_at=renewal.expires_at,
    )


def check_in_force(state: ControlState, action: str, now: datetime) -> None:
    """Check that the authority has not expired, for what gives power; raises ControlFault ``authority.expired``."""
    if action in GAINS and state.expires_at is not None and state.expires_at <= now:
        raise ControlFault(
            "authority.expired", f"the city's authority expired on {state.expires_at:%Y-%m-%d}: nobody gains power now"
        )
