"""What the control events say, up to a control revision: posture, people, profiles, holds. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from schemas.events import control as c
from schemas.events.authority import Grant, Officer, Profile, Role, Settings, System
from schemas.events.control import Posture


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
    action: c.Action
    until: datetime
    asked: tuple[str, ...]


@dataclass(frozen=True)
class ControlState:
    """The state of control at ``seq`` (0: before the first event).

    ``activating_seq`` is the sequence of the activation that waits for its barrier, or 0. ``revoked`` maps
    an officer to the sequence of the revocation. ``unknown``: the posts that may land, or may have landed, without the
    approval that the EOC asks for. ``ruled``: an event of rule 2 stands, so orders have to be fresh (``Ordered``).
    ``began_seq`` is the activation or declaration in force, ``hold_seq`` the newest hold, 0 where there is none: what
    ends them names it.
    ``manifest_sha256`` is the hash of the manifest that began the ledger;
    ``version``, ``root_keys``, ``root_threshold`` and ``expires_at`` are those of the root in force. ``threshold`` is
    how many people a proposal takes (1: there are none), ``proposals`` those that wait, by sequence. ``former_keys``
    holds each officer's earlier keys, with the sequence from which each does not count.
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
    began_seq: int = 0
    hold_seq: int = 0
    manifest_sha256: str = ""
    version: int = 1
    root_keys: frozenset[str] = frozenset()
    root_threshold: int = 1
    threshold: int = 1
    expires_at: datetime | None = None
    proposals: dict[int, Proposal] = field(default_factory=dict)
    former_keys: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)

    @property
    def under_eoc(self) -> bool:
        """True while the EOC is active or activating: clause 2(iii) applies."""
        return self.posture in (Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE)

    @property
    def in_crisis(self) -> bool:
        """True in a declared crisis or under the EOC: clauses 2(i) and 2(iv) apply."""
        return self.posture is not Posture.ROUTINE

    def key_at(self, officer: str, seq: int) -> str | None:
        """Return the key that counted for an officer at a sequence that is folded; None for nobody."""
        former = next((key for key, until in self.former_keys.get(officer, ()) if seq < until), None)
        person = self.officers.get(officer)
        return former or (person.public_key if person else None)

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
