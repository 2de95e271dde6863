"""Who may do what: the authority manifest, its officers, systems, profiles and settings."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.events.base import Contract, Id, PublicKey, Utc
from schemas.events.passkeys import Passkey

Realm = Literal["live", "exercise"]
Severity = Literal["minor", "moderate", "severe", "extreme"]


class Role(StrEnum):
    """The roles of the policy; see docs/policy.md for the clause of each."""

    CAO = "cao"
    MCPE = "mcpe"
    PIO = "pio"
    EOC_DIRECTOR = "eoc_director"
    COMMS_OFFICE = "comms_office"
    DESIGNATED = "designated"
    PUBLISHER = "publisher"
    EMPLOYEE = "employee"


class Grant(Contract):
    """A role that an officer holds, for named profiles (publisher only), from and until (exclusive)."""

    role: Role
    profiles: tuple[Id, ...] = ()
    valid_from: Utc | None = None
    valid_until: Utc | None = None


class Officer(Contract):
    """A person with keys and roles.

    ``public_key`` signs at the desk; absent for who signs with passkeys alone. ``login_key`` opens the connection to
    the broker; absent where one key does both. ``passkeys`` sign in a browser.
    """

    id: Id
    name: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    public_key: PublicKey | None = None
    login_key: PublicKey | None = None
    grants: tuple[Grant, ...] = ()
    passkeys: Annotated[tuple[Passkey, ...], Field(max_length=16)] | None = None


class System(Contract):
    """A program that emits requests; it has no authority of its own."""

    id: Id
    name: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    public_key: PublicKey


class Profile(Contract):
    """An official social media profile (policy: definitions; section 1, Transparency (i)).

    ``departmental`` is false for the city's own profiles. ``official`` is the office's sanction. The three
    statements are what Transparency (i) asks a profile to carry.
    """

    id: Id
    department: Id
    platform: Id
    account: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    departmental: bool = True
    official: bool = True
    purpose: str = ""
    identification: str = ""
    disclosure: str = ""


class Settings(Contract):
    """What the city chooses beyond the policy. Durations in seconds.

    ``all_departments_percent``: the profiles of more than this share of the departments are all departmental profiles
    in the sense of 2(iv); absent: 50, so that leaving one out is no way round it. ``device_bound_roles``: who holds one
    of them signs with no passkey that can be copied between devices; absent: nobody has to. ``and_city_in_crisis``: in
    a crisis the desk takes the city's own profiles along to all departments unless told otherwise; absent: it does not.
    """

    approval_seconds: Annotated[int, Field(ge=60, le=86_400)] = 1_800
    request_seconds: Annotated[int, Field(ge=60, le=2_592_000)] = 86_400
    second_approver_severities: tuple[Severity, ...] = ()
    all_departments_percent: Annotated[int, Field(ge=0, le=99)] | None = None
    device_bound_roles: tuple[Role, ...] | None = None
    and_city_in_crisis: bool | None = None


class Manifest(Contract):
    """The city's authority: signed by its root keys, the first event of the ledger.

    ``audit_key`` signs the checkpoints of the second copy; absent before version 0.3.
    ``threshold``: how many people a change of who has power takes (``control.proposals``), and how many root keys a
    renewal; absent before version 0.3, when one was enough. After ``expires_at`` nobody gains power; absent: never.
    """

    realm: Realm
    city: str
    website: str
    version: int = 1
    issued_at: Utc
    officers: tuple[Officer, ...]
    systems: tuple[System, ...] = ()
    profiles: tuple[Profile, ...]
    settings: Settings = Settings()
    audit_key: PublicKey | None = None
    threshold: Annotated[int, Field(ge=1, le=8)] | None = None
    expires_at: Utc | None = None


class Renewal(Contract):
    """The next version of the root: its keys, its threshold, its end.

    Signed by a threshold of the keys in force and by a threshold of the new ones (TUF 1.0, section 6.1). Officers,
    systems, profiles and settings stay as they are: orders change those. ``audit_key`` is the key that seals the second
    copy from this version on; absent: it stays.
    """

    realm: Realm
    version: Annotated[int, Field(ge=2)]
    issued_at: Utc
    expires_at: Utc
    root_keys: Annotated[tuple[PublicKey, ...], Field(min_length=1, max_length=8)]
    threshold: Annotated[int, Field(ge=1, le=8)]
    audit_key: PublicKey | None = None
