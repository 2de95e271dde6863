"""A second opinion on who may publish what, for the state machine.

Written apart from the policy, on plain words and its own record of what happened: it shares no code with the gate,
nor with the control fold. Evidence of an attempt is read from the raw envelopes with a JSON parser and Ed25519.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import nacl.exceptions
import nacl.signing

EOC = ("eoc_activating", "eoc_active")
SPEAKS = {
    "routine": {"mcpe", "comms_office"},
    "crisis": {"mcpe", "pio", "comms_office"},
    "eoc": {"cao", "mcpe", "pio", "eoc_director"},
}


@dataclass
class Said:
    """What an officer said last of a request: ``sound`` means that nothing was wrong with it when it was made."""

    no: bool
    sound: bool
    begins: datetime
    ends: datetime


@dataclass
class Asked:
    """A request as the oracle has it."""

    author: str
    targets: tuple[str, ...]
    everybody: bool
    crisis: bool
    severe: bool
    submitted: str
    ends: datetime
    said: dict[str, Said] = field(default_factory=dict)


@dataclass
class OracleState:
    """What happened, in plain words. ``roles``: officer -> role -> (profiles, end)."""

    roles: dict[str, dict[str, tuple[frozenset[str], datetime | None]]]
    departments: dict[str, str]
    posture: str = "routine"
    held: bool = False
    gone: set[str] = field(default_factory=set)
    unfit: set[str] = field(default_factory=set)
    withdrawn: set[str] = field(default_factory=set)
    asked: dict[str, Asked] = field(default_factory=dict)

    def holds(self, officer: str, at: datetime) -> dict[str, frozenset[str]]:
        """The roles of an officer at a time, with the profiles of each."""
        if officer in self.gone:
            return {}
        return {
            role: profiles for role, (profiles, end) in self.roles.get(officer, {}).items() if end is None or at < end
        }

    def speaks(self, officer: str, ask: Asked, at: datetime) -> bool:
        """True when an officer's word counts for a request at a time."""
        held = self.holds(officer, at)
        if self.posture in EOC or ask.submitted in EOC:
            return bool(SPEAKS["eoc"] & held.keys())
        if SPEAKS[self.posture] & held.keys():
            return True
        if self.posture != "routine" or (ask.crisis and "designated" not in held):
            return False
        return all(target in held.get("publisher", frozenset()) for target in ask.targets)

    def reaches_everybody(self, ask: Asked) -> bool:
        """True when no department that has a fit profile is left out."""
        wanted = {department for name, department in self.departments.items() if name not in self.unfit}
        named = wanted & {self.departments[name] for name in ask.targets}
        return ask.everybody or (len(named) > 1 and 2 * len(named) > len(wanted))

    def may_go(self, name: str, at: datetime) -> bool:
        """True when the policy lets a request go out at a time."""
        ask = self.asked[name]
        if self.held or name in self.withdrawn or at >= ask.ends or self.unfit & set(ask.targets):
            return False
        speakers = {officer: said for officer, said in ask.said.items() if self.speaks(officer, ask, at)}
        if any(said.no and said.sound for said in speakers.values()):
            return False
        yes = [o for o, said in speakers.items() if said.sound and not said.no and said.begins <= at < said.ends]
        if self.reaches_everybody(ask):
            leads = [officer for officer in yes if {"pio", "mcpe"} & self.holds(officer, at).keys()]
            if self.posture == "routine" or not leads:
                return False
        return len(yes) >= (2 if ask.severe else 1)


def signed_for(envelope: Any, public_key: str, body: str, platform: str, realm: str, at: datetime) -> bool:
    """True when an envelope is a yes in force, signed by this key, to exactly these bytes on this platform."""
    payload = base64.b64decode(envelope.payload)
    kind = b"application/vnd.onevoice.approval.v1+json"
    message = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])
    if not _verifies(public_key, message, envelope.signatures[0].sig):
        return False
    said = json.loads(payload)
    ends = datetime.fromisoformat(said["expires_at"].replace("Z", "+00:00"))
    begins = datetime.fromisoformat(said["issued_at"].replace("Z", "+00:00"))
    return (
        said["decision"] == "approve"
        and said["realm"] == realm
        and said["renderings"][platform] == hashlib.sha256(body.encode()).hexdigest()
        and begins - timedelta(seconds=60) <= at < ends
    )


@functools.cache
def _verifies(public_key: str, message: bytes, signature: str) -> bool:
    try:
        key = nacl.signing.VerifyKey(base64.b32decode(public_key)[1:33])
        key.verify(message, base64.b64decode(signature))
    except nacl.exceptions.CryptoError:
        return False
    return True
