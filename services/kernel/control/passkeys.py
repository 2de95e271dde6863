"""The part of the control fold that says which passkeys an officer has: links, enrolment, removal. Pure.

A link lets a passkey be proposed, no more: the new passkey signs its own enrolment, and other officers confirm it as
they confirm each new key (``proposals``).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from schemas import canonical
from schemas.canonical import StrictJsonError
from schemas.events import control as c
from schemas.events.enrolment import Enrolment
from schemas.events.envelope import CLOCK_SKEW, ENROLMENT_TYPE, Envelope
from schemas.events.passkeys import Passkey
from services.kernel.authority.officer_keys import OfficerKeys
from services.kernel.control.control_state import ControlFault, ControlState, Invite
from services.kernel.control.people import drop_passkeys, known_officer

LONGEST_INVITE = timedelta(days=3)
"""How long a one-time link may be good for."""


def invite(state: ControlState, action: c.PasskeyInvite, seq: int, at: datetime, by: str) -> ControlState:
    """Make a one-time link for an officer; an earlier one that was not used ends."""
    known_officer(state, action.officer)
    if not at < action.until <= at + LONGEST_INVITE:
        raise ControlFault("passkey.until", "a link is good for at most three days from now")
    if action.token_sha256 in state.invites:
        raise ControlFault("passkey.link", "this link was made already")
    kept = {
        token: one
        for token, one in state.invites.items()
        if one.action.until > at and one.action.officer != action.officer
    }
    return replace(state, invites={**kept, action.token_sha256: Invite(seq, by, action)})


def add(state: ControlState, action: c.PasskeyAdd, seq: int, _at: datetime) -> ControlState:
    """Give an officer a passkey."""
    officer = known_officer(state, action.officer)
    check_new(state, action.passkey)
    changed = officer.model_copy(update={"passkeys": (*(officer.passkeys or ()), action.passkey)})
    return replace(
        state,
        officers={**state.officers, officer.id: changed},
        passkey_seqs={**state.passkey_seqs, action.passkey.credential: seq},
    )


def remove(state: ControlState, action: c.PasskeyRemove, seq: int, _at: datetime) -> ControlState:
    """Take one passkey of an officer back."""
    officer = known_officer(state, action.officer)
    gone = [one for one in officer.passkeys or () if one.credential == action.credential]
    if not gone:
        raise ControlFault("passkey.unknown", f"{officer.id} has no passkey {action.credential[:12]}")
    return drop_passkeys(state, officer.id, tuple(gone), seq)


def read_enrolment(envelope: Envelope) -> Enrolment:
    """Return the enrolment that an envelope holds; raises ControlFault ``enrolment.malformed``."""
    try:
        return Enrolment.from_bytes(envelope.payload_bytes())
    except (StrictJsonError, ValueError) as error:
        raise ControlFault("enrolment.malformed", f"the enrolment cannot be read: {error}") from error


def check_enrolment(state: ControlState, envelope: Envelope, now: datetime) -> tuple[Enrolment, Invite]:
    """Check that a passkey may be proposed, and return its statement and the link that it uses up.

    Raises:
        ControlFault: ``enrolment.*``; ``passkey.used``; ``officer.unknown``, ``officer.gone`` of either person.
    """
    said = read_enrolment(envelope)
    link = state.invites.get(canonical.sha256(said.token.encode()))
    if link is None or link.action.until <= now or link.action.officer != said.officer:
        raise ControlFault("enrolment.link", "this link was used already, has run out or is another person's")
    if said.realm != state.realm:
        raise ControlFault("enrolment.realm", f"the enrolment is for {said.realm}, this is {state.realm}")
    if abs(now - said.issued_at) > CLOCK_SKEW or said.expires_at <= now:
        raise ControlFault("enrolment.expired", "the enrolment was signed more than a minute ago, or is dated ahead")
    place = (said.passkey.origin, said.passkey.rp_id)
    if place != (link.action.origin, link.action.rp_id):
        raise ControlFault("enrolment.place", f"the passkey is of {place[0]}, and the link of {link.action.origin}")
    keys = OfficerKeys(None, (said.passkey,))
    if not keys.signer_of(envelope, ENROLMENT_TYPE):
        raise ControlFault(
            "enrolment.signature", f"the new passkey did not sign: {keys.fault_of(envelope, ENROLMENT_TYPE)}"
        )
    for person in (said.officer, link.by):
        known_officer(state, person)
    check_new(state, said.passkey)
    return said, link


def check_new(state: ControlState, passkey: Passkey) -> None:
    """Check that nobody has this passkey or had it, under any name: what was taken back never counts again."""
    have = [(name, one) for name, officer in state.officers.items() for one in officer.passkeys or ()]
    for name, one in (*have, *((one.officer, one.passkey) for one in state.former_passkeys)):
        if one.credential == passkey.credential or one.public_key == passkey.public_key:
            raise ControlFault("passkey.used", f"this passkey is or was that of {name}")
