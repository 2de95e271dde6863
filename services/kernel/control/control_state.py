"""What the control events say, up to a control revision: posture, people, profiles, holds. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.events import control as c
from schemas.events.authority import Grant, Officer, Profile, Role, Settings, System
from schemas.events.control import Posture
from schemas.events.passkeys import Passkey
from services.kernel.authority.officer_keys import OfficerKeys


class ControlFault(Exception):
    """A control event that may not be: a stable code, and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Proposal:
    """An order that waits: ``order`` is its hash, ``asked`` who asked for it so far, the proposer first."""

    seq: int
    order: str
    action: c.ProposedAction
    until: datetime
    asked: tuple[str, ...]


@dataclass(frozen=True)
class Invite:
    """A one-time link that was not used yet: ``action`` is its order's, ``by`` who made it, ``seq`` where."""

    seq: int
    by: str
    action: c.PasskeyInvite


class OrderKind(StrEnum):
    """Which orders of an officer are counted together; the values are what an officer reads."""

    WITHDRAWAL = "withdrawals"
    EOC = "EOC orders"
    REGISTRY = "orders to the registry"
    ANSWER = "answers to proposals"


@dataclass(frozen=True)
class RecentOrder:
    """An order of the last minute: when the server stored it, whose it is, and with which orders it is counted."""

    at: datetime
    officer: str
    kind: OrderKind


@dataclass(frozen=True)
class FormerPasskey:
    """A passkey that was taken back; it counted from after ``since`` up to ``until``, both sequences."""

    officer: str
    passkey: Passkey
    since: int
    until: int


@dataclass(frozen=True)
class ControlState:
    """The state of control at ``seq`` (0: before the first event).

    ``activating_seq`` is the sequence of the activation that waits for its barrier, or 0. ``revoked`` maps
    an officer to the sequence of the revocation. ``unknown``: the posts that may land, or may have landed, without the
    approval that the EOC asks for. ``ruled``: an event of rule 2 stands, so orders have to be fresh (``Ordered``).
    ``must_name``: one of rule 3 stands, so what ends or changes something names it. ``keeps_others``: one of rule 4
    does, so nobody alone takes power from all who could undo it.
    ``began_seq`` is the activation or declaration in force, ``hold_seq`` the newest hold, 0 where there is none: what
    ends them names it. ``changes`` holds the last change of each officer, system and profile and of the settings
    (``naming.place_of``); what is not in it is as the manifest made it.
    ``manifest_sha256`` is the hash of the manifest that began the ledger;
    ``version``, ``root_keys``, ``root_threshold`` and ``expires_at`` are those of the root in force. ``threshold`` is
    how many people a proposal takes (1: there are none), ``proposals`` those that wait, by sequence. ``former_keys``
    holds each officer's earlier keys, with the sequence from which each does not count. ``passkey_seqs`` holds where
    each passkey that counts was added, by its credential; ``former_passkeys`` those that were taken back; ``invites``
    the one-time links that were not used, by the hash of their token. ``recent``: the orders of the minute before the
    last one that are counted (``order_rates``).
    """

    seq: int = 0
    realm: str = ""
    city: str = ""
    website: str = ""
    posture: Posture = Posture.ROUTINE
    level: int | None = None
    incident: str | None = None
    since: datetime | None = None
    activating_seq: int = 0
    hold: bool = False
    officers: dict[str, Officer] = field(default_factory=dict)
    systems: dict[str, System] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    revoked: dict[str, int] = field(default_factory=dict)
    withdrawn: dict[str, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    nonces: dict[str, datetime] = field(default_factory=dict)
    unknown: tuple[c.UnknownPost, ...] = ()
    ruled: bool = False
    must_name: bool = False
    keeps_others: bool = False
    began_seq: int = 0
    hold_seq: int = 0
    changes: dict[str, int] = field(default_factory=dict)
    manifest_sha256: str = ""
    version: int = 1
    root_keys: frozenset[str] = frozenset()
    root_threshold: int = 1
    threshold: int = 1
    expires_at: datetime | None = None
    proposals: dict[int, Proposal] = field(default_factory=dict)
    former_keys: dict[str, tuple[tuple[str | None, int], ...]] = field(default_factory=dict)
    passkey_seqs: dict[str, int] = field(default_factory=dict)
    former_passkeys: tuple[FormerPasskey, ...] = ()
    invites: dict[str, Invite] = field(default_factory=dict)
    recent: tuple[RecentOrder, ...] = ()

    @property
    def under_eoc(self) -> bool:
        """True while the EOC is active or activating: clause 2(iii) applies."""
        return self.posture in (Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE)

    @property
    def in_crisis(self) -> bool:
        """True in a declared crisis or under the EOC: clauses 2(i) and 2(iv) apply."""
        return self.posture is not Posture.ROUTINE

    def keys_of(self, officer: str, now: datetime) -> OfficerKeys:
        """Return the keys that an officer may sign with at a time; none for nobody, and after a revocation.

        Who holds a role that demands it (``Settings.device_bound_roles``) has no passkey that can be copied.
        """
        person = self.officers.get(officer)
        if person is None or officer in self.revoked:
            return OfficerKeys(None)
        passkeys, demanding = person.passkeys or (), self.settings.device_bound_roles or ()
        if passkeys and not self.roles_of(officer, now).isdisjoint(demanding):
            passkeys = tuple(one for one in passkeys if one.device_bound)
        return OfficerKeys(person.public_key, passkeys)

    def keys_at(self, officer: str, seq: int) -> OfficerKeys:
        """Return the keys that an officer had at a sequence that is folded, whatever roles they held."""
        person = self.officers.get(officer)
        former = [key for key, until in self.former_keys.get(officer, ()) if seq < until]
        nkey = former[0] if former else (person.public_key if person else None)
        have = person.passkeys or () if person else ()
        kept = [one for one in have if self.passkey_seqs.get(one.credential, 0) < seq]
        had = [one.passkey for one in self.former_passkeys if one.officer == officer and one.since < seq < one.until]
        return OfficerKeys(nkey, (*kept, *had))

    def grants_of(self, officer: str, now: datetime) -> tuple[Grant, ...]:
        """Return the grants of an officer that count at a time; none after a revocation."""
        person = self.officers.get(officer)
        if person is None or officer in self.revoked:
            return ()
        return tuple(grant for grant in person.grants if _counts(grant, now))

    def roles_of(self, officer: str, now: datetime) -> frozenset[Role]:
        """Return the roles that an officer holds at a time."""
        return frozenset(grant.role for grant in self.grants_of(officer, now))

    def may_publish_to(self, officer: str, profile: str, now: datetime) -> bool:
        """True when the officer is a publisher with this profile delegated (Oversight (iii))."""
        return any(grant.role is Role.PUBLISHER and profile in grant.profiles for grant in self.grants_of(officer, now))

    def departmental_profiles(self) -> tuple[str, ...]:
        """Return the ids of all official departmental profiles, sorted."""
        return tuple(sorted(p.id for p in self.profiles.values() if p.official and p.departmental))

    def covers_all_departments(self, targets: tuple[str, ...]) -> bool:
        """True when the targets are all departmental profiles in the sense of 2(iv).

        They reach more than the city's share of the departments that have an official profile; before version 0.3
        they had to reach each.
        """
        departments = {self.profiles[p].department for p in self.departmental_profiles()}
        named = {self.profiles[t].department for t in targets if t in self.profiles and self.profiles[t].departmental}
        reached = len(departments & named)
        if not self.ruled:
            return len(departments) > 1 and reached == len(departments)
        share = self.settings.all_departments_percent
        return reached > 1 and 100 * reached > (50 if share is None else share) * len(departments)


def _counts(grant: Grant, now: datetime) -> bool:
    started = grant.valid_from is None or grant.valid_from <= now
    return started and (grant.valid_until is None or now < grant.valid_until)
