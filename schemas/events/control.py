"""Control events: all that can turn a cleared message back. One literal subject, ``ledger.control``.

An officer's order is a signed statement (DSSE over ``Order``); the event keeps the envelope, so that the
record proves who ordered what. ``eoc_active`` is the one event without an order: eoc_state appends it when
nothing is in flight any more, naming the ``eoc_activating`` event that it completes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.events.authority import Grant, Officer, Profile, Realm, Settings, System
from schemas.events.base import Change, Contract, Id, PublicKey, Sha256, Utc
from schemas.events.envelope import Envelope
from schemas.events.passkeys import CredentialId, Passkey, WebPlace

Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
RULE: Literal[4] = 4  # of the events that this version writes


class Posture(StrEnum):
    """What the city is in. The gate treats activating as active."""

    ROUTINE = "routine"
    CRISIS = "crisis"
    EOC_ACTIVATING = "eoc_activating"
    EOC_ACTIVE = "eoc_active"


class EocActivate(Contract):
    """Activate the EOC (policy 2(iii)); level 1, 2 or 3 of the BC Emergency Management System."""

    action: Literal["eoc_activate"] = "eoc_activate"
    level: Literal[1, 2, 3]
    incident: Text


class EocChange(Contract):
    """Change the level or the incident of an EOC that is active or activating.

    ``activation`` is the sequence of the activation that it is about. What waits for it goes on.
    """

    action: Literal["eoc_change"] = "eoc_change"
    level: Literal[1, 2, 3]
    incident: Text
    activation: int


class EocStandDown(Contract):
    """Stand the EOC down; the posture becomes routine. ``activation``: the sequence of the activation that it ends."""

    action: Literal["eoc_stand_down"] = "eoc_stand_down"
    activation: int | None = None


class CrisisDeclare(Contract):
    """Declare a crisis while the EOC is not active (policy 2(i))."""

    action: Literal["crisis_declare"] = "crisis_declare"
    incident: Text


class CrisisEnd(Contract):
    """End a declared crisis. ``crisis`` is the sequence of its declaration."""

    action: Literal["crisis_end"] = "crisis_end"
    crisis: int | None = None


class Hold(Contract):
    """The stop button: nothing is posted while it is on. A release names the sequence of the hold that it ends."""

    action: Literal["hold"] = "hold"
    on: bool
    hold: int | None = None


class Withdraw(Contract):
    """Take a request back, also a cleared one."""

    action: Literal["withdraw"] = "withdraw"
    request_id: Id
    reason: Text = "withdrawn"


class Designate(Change):
    """Give an officer a role (policy 2(ii): only the CAO or the MCPE designates)."""

    action: Literal["designate"] = "designate"
    officer: Id
    grant: Grant


class Revoke(Contract):
    """Take all roles and the key of an officer back, from this event on."""

    action: Literal["revoke"] = "revoke"
    officer: Id


class OfficerAdd(Contract):
    """Add a person, with a key that no officer or system has or had."""

    action: Literal["officer_add"] = "officer_add"
    officer: Officer


class Reinstate(Change):
    """Take a revocation back: the officer's roles count again, with a new key, or a passkey that is still to come."""

    action: Literal["reinstate"] = "reinstate"
    officer: Id
    public_key: PublicKey | None = None
    login_key: PublicKey | None = None


class Rekey(Change):
    """Replace an officer's key; what the old one signed does not count from this event on."""

    action: Literal["rekey"] = "rekey"
    officer: Id
    public_key: PublicKey
    login_key: PublicKey | None = None


class PasskeyInvite(WebPlace):
    """Let who has a one-time link propose a passkey for an officer; ``token_sha256``: of its token's characters."""

    action: Literal["passkey_invite"] = "passkey_invite"
    officer: Id
    token_sha256: Sha256
    until: Utc


class PasskeyAdd(Contract):
    """Give an officer a passkey. Nobody orders it: a link that was used proposes it (``PasskeyEnrolled``)."""

    action: Literal["passkey_add"] = "passkey_add"
    officer: Id
    passkey: Passkey


class PasskeyRemove(Contract):
    """Take one passkey of an officer back; what it signs from this event on does not count."""

    action: Literal["passkey_remove"] = "passkey_remove"
    officer: Id
    credential: CredentialId


class SystemAdd(Change):
    """Let a program submit requests, or give it a new key."""

    action: Literal["system_add"] = "system_add"
    system: System


class SystemRemove(Contract):
    """Let a program submit no more."""

    action: Literal["system_remove"] = "system_remove"
    system: Id


class SettingsChange(Change):
    """Change what the city chooses beyond the policy."""

    action: Literal["settings"] = "settings"
    settings: Settings


class Confirm(Contract):
    """Confirm a proposal: the order that is at the sequence ``proposal`` and has the hash ``order``."""

    action: Literal["confirm"] = "confirm"
    proposal: int
    order: Sha256


class Decline(Contract):
    """Turn a proposal down, or take one's own back."""

    action: Literal["decline"] = "decline"
    proposal: int
    order: Sha256


class ProfileAdd(Change):
    """Sanction a profile, or change what is known of it (section 1, Oversight (ii))."""

    action: Literal["profile_add"] = "profile_add"
    profile: Profile


class ProfileSuspend(Contract):
    """Take the sanction of a profile back."""

    action: Literal["profile_suspend"] = "profile_suspend"
    profile: Id


class ProfileRemove(Change):
    """Strike a profile off the list: it can be named no more. What was posted to it stays on record."""

    action: Literal["profile_remove"] = "profile_remove"
    profile: Id


EocAction = EocActivate | EocChange | EocStandDown | CrisisDeclare | CrisisEnd | Hold | Withdraw
PeopleAction = Designate | Revoke | OfficerAdd | Reinstate | Rekey | SystemAdd | SystemRemove | SettingsChange
RegistryAction = (
    PeopleAction | PasskeyInvite | PasskeyRemove | Confirm | Decline | ProfileAdd | ProfileSuspend | ProfileRemove
)
Action = Annotated[EocAction | RegistryAction, Field(discriminator="action")]
ProposedAction = Annotated[EocAction | RegistryAction | PasskeyAdd, Field(discriminator="action")]


class Order(Contract):
    """What an officer signs to change control: valid only in its realm, for minutes, once (nonce)."""

    realm: Realm
    officer: Id
    action: Action
    issued_at: Utc
    expires_at: Utc
    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Genesis(Contract):
    """The first control event: the manifest, signed by the root keys (DSSE over ``Manifest``).

    ``rule`` is that of the orders after it, as in ``Ordered``.
    """

    type: Literal["genesis"] = "genesis"
    at: Utc
    manifest: Envelope
    rule: Literal[2, 3, 4] | None = None


class Ordered(Contract):
    """A control change ordered by an officer (DSSE over ``Order``).

    ``rule`` 2: it is judged by the time at which the server stored it, and has to be fresh then; without it ``at``
    counts, as before 0.3. 3: what ends or changes something names it, too. 4: what leaves too few who could undo it
    takes two, too. Once an event of a rule stands, one of an earlier rule is void.
    """

    type: Literal["ordered"] = "ordered"
    at: Utc
    order: Envelope
    rule: Literal[2, 3, 4] | None = None


class UnknownPost(Contract):
    """A post that may still land, or may have landed: its lease is over and nobody knows how its call ended."""

    profile: Id
    request_id: Id
    attempt_seq: int


class EocActive(Contract):
    """The barrier is passed: each attempt older than ``activating_seq`` has a receipt, or its lease is over.

    ``unknown`` names the posts that could not be accounted for.
    """

    type: Literal["eoc_active"] = "eoc_active"
    at: Utc
    activating_seq: int
    settled: int = 0
    lapsed: int = 0
    unknown: tuple[UnknownPost, ...] | None = None


class Renewed(Contract):
    """The root's next version (DSSE over ``Renewal``)."""

    type: Literal["renewed"] = "renewed"
    at: Utc
    renewal: Envelope


class PasskeyEnrolled(Contract):
    """A one-time link was used: a passkey is proposed for its officer (DSSE over ``Enrolment``, signed by the passkey).

    The order that made the link counts as the first who asks for it.
    """

    type: Literal["passkey_enrolled"] = "passkey_enrolled"
    at: Utc
    enrolment: Envelope


ControlEvent = Annotated[Genesis | Ordered | EocActive | Renewed | PasskeyEnrolled, Field(discriminator="type")]
