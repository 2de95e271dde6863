"""Writes a realm's accounts as NATS configuration: users by nkey, permissions and imports by the flow map.

CORE holds the ledger, and nobody but the provisioning user lives there. Each service has an account of its own, which
imports its subjects, its durables and the feed; DESK holds people and other systems, and imports what services serve.
The web service carries what passkeys signed, from an account of its own that imports only what it may send and watch.
So no reply subject of anybody's leads into the ledger (docs/adr/0002-accounts-and-permissions.md). JetStream is on in
the CORE accounts alone. SYS is the server's system account and has no users.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas import flow, subjects
from schemas.events.authority import Officer, Realm, System
from schemas.flow import SYSTEMS_LANE
from services.kernel.base.errors import BadInput
from services.provision.accounts.conf_text import quoted
from services.provision.accounts.permissions import (
    PROVISION_USER,
    Permissions,
    exported,
    for_doctor,
    for_officer,
    for_provisioning,
    for_service,
    for_system,
    for_web,
    imported,
    imports_of,
)

REALMS: tuple[Realm, ...] = ("live", "exercise")


@dataclass(frozen=True)
class RealmUsers:
    """The users of a realm: NATS user name to public nkey. ``left_out``: who cannot be one, and why."""

    realm: Realm
    services: Mapping[str, str]
    provision: str
    officers: Mapping[str, str]
    systems: Mapping[str, str]
    doctor: str | None = None
    web: str | None = None
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        realm: Realm,
        officers: Iterable[Officer],
        systems: Iterable[System],
        services: Mapping[str, str],
        provision: str,
        *,
        doctor: str | None = None,
        web: str | None = None,
    ) -> RealmUsers:
        """Return the users of a realm: officers by the keys that they log in with, systems, and the services."""
        return cls(
            realm=realm,
            services=services,
            provision=provision,
            officers={one.id: key for one in officers if (key := one.login_key or one.public_key) is not None},
            systems={one.id: one.public_key for one in systems},
            doctor=doctor,
            web=web,
        )


def core_account(realm: Realm) -> str:
    """Return the name of the account that holds a realm's ledger."""
    return f"{realm.upper()}_CORE"


def service_account(realm: Realm, row: flow.Service) -> str:
    """Return the name of a service's own account in a realm."""
    return f"{realm.upper()}_{row.name.upper()}"


def desk_account(realm: Realm) -> str:
    """Return the name of the account of a realm's people and systems."""
    return f"{realm.upper()}_DESK"


def web_account(realm: Realm) -> str:
    """Return the name of the account of a realm's web service."""
    return f"{realm.upper()}_WEB"


def accounts_file(realm: Realm) -> str:
    """Return the name of the file that holds a realm's accounts, in the folder of nats.conf."""
    return f"accounts.{realm}.conf"


def provisioner_of(text: str, realm: Realm) -> str | None:
    """Return the public key of the provisioning user in the text of an accounts file; None where it has none."""
    head = rf"^  {core_account(realm)} {{\n(?:    .*\n)*?"
    found = re.search(head + r"      \{ nkey: (U[A-Z2-7]{55}),", text, re.MULTILINE)
    return found.group(1) if found else None


def render_accounts(users: RealmUsers) -> str:
    """Return the text of a realm's accounts, their users and what passes between them.

    Raises:
        BadInput: ``nats.user_twice`` when two users have the same key.
    """
    _check_keys(users)
    accounts = [line for row in flow.SERVICES for line in _service(users, row)]
    left_out = [f"{LEFT_OUT}{one}" for one in users.left_out]
    return "\n".join([_ACCOUNTS_HEAD, *left_out, *_core(users), *accounts, *_desk(users), *_web(users), ""])


LEFT_OUT = "# Left out: "
_ACCOUNTS_HEAD = """\
# Generated from schemas/flow.py and the authority manifest. Do not edit: `onevoice provision` writes it again.
"""


def _core(realm: RealmUsers) -> list[str]:
    """The ledger's account: it exports to each service what the flow map gives it."""
    single, streaming, streams = _Grants(), _Grants(), _Grants()
    for row in flow.SERVICES:
        account, imports = service_account(realm.realm, row), imports_of(row)
        single.add(_filters(imports.services), account)
        streaming.add(imports.streaming, account)
        streams.add(imports.streams, account)
    exports = [f"service: {subject}, accounts: {accounts}" for subject, accounts in single.rows()]
    exports += [f"service: {subject}, response_type: stream, accounts: {to}" for subject, to in streaming.rows()]
    exports += [f"stream: {subject}, accounts: {accounts}" for subject, accounts in streams.rows()]
    users = _user(PROVISION_USER, realm.provision, for_provisioning())
    return _account(core_account(realm.realm), users, exports=exports, jetstream=True)


def _service(realm: RealmUsers, row: flow.Service) -> list[str]:
    """A service's own account: what it imports from the ledger's and from others, what it serves and broadcasts."""
    core = core_account(realm.realm)
    taken = imports_of(row)
    imports = [_import("service", core, subject) for subject in (*_filters(taken.services), *taken.streaming)]
    imports += [_import("stream", core, subject) for subject in taken.streams]
    imports += [_import("stream", service_account(realm.realm, one), subject) for one, subject in _subscribed_by(row)]
    exports = [
        f"service: {quoted(subjects.every_user(base))}, accounts: [{', '.join(_askers(realm, base))}]"
        for base in sorted(row.serves)
    ]
    for subject in (*row.broadcasts, row.heartbeat):
        to = [service_account(realm.realm, one) for one in flow.SERVICES if (row, subject) in _subscribed_by(one)]
        to += _watchers(realm) if subject in WATCHED else []
        if to:
            exports.append(f"stream: {quoted(subject)}, accounts: [{', '.join(to)}]")
    users = _user(row.user, realm.services[row.user], for_service(row))
    return _account(service_account(realm.realm, row), users, exports=exports, imports=imports)


def _desk(realm: RealmUsers) -> list[str]:
    users: list[str] = []
    for name, key in realm.officers.items():
        users += _user(name, key, for_officer(name))
    for name, key in realm.systems.items():
        users += _user(name, key, for_system(name))
    if realm.doctor is not None:
        users += _user(flow.DOCTOR, realm.doctor, for_doctor())
    lanes = {subjects.desk(a, name): subjects.desk(b, name) for name in realm.systems for a, b in SYSTEMS_LANE.items()}
    account = desk_account(realm.realm)
    return _account(account, users, imports=_asking(realm, account), mappings=lanes)


def _web(realm: RealmUsers) -> list[str]:
    """The web service's account: nobody but itself is there, so nobody can forge what it watches."""
    if realm.web is None:
        return []
    account = web_account(realm.realm)
    return _account(account, _user(flow.WEB, realm.web, for_web()), imports=_asking(realm, account))


def _askers(realm: RealmUsers, base: str) -> list[str]:
    """Return the accounts that send a desk subject."""
    from_desk = base in flow.OFFICER_MAY_SEND or base in SYSTEMS_LANE.values()
    desk = [desk_account(realm.realm)] if from_desk else []
    return desk + ([web_account(realm.realm)] if realm.web is not None and base in flow.WEB_MAY_SEND else [])


def _watchers(realm: RealmUsers) -> list[str]:
    """Return the accounts that watch what is broadcast to people."""
    return [desk_account(realm.realm), *([web_account(realm.realm)] if realm.web is not None else [])]


def _asking(realm: RealmUsers, account: str) -> list[str]:
    """Return what an account imports to send to services and to watch them."""
    served = [(row, base) for row in flow.SERVICES for base in row.serves if account in _askers(realm, base)]
    watched = [(row, subject) for row in flow.SERVICES for subject in row.broadcasts if subject in WATCHED]
    imports = [_import("service", service_account(realm.realm, row), subjects.every_user(base)) for row, base in served]
    return imports + [_import("stream", service_account(realm.realm, row), subject) for row, subject in watched]


WATCHED = (subjects.BOARD_ALL, subjects.EOC_STATE)
"""The broadcasts that people may subscribe to."""


class _Grants:
    """Which accounts each subject is exported to, in the order of the flow map."""

    def __init__(self) -> None:
        self._accounts: dict[str, list[str]] = {}

    def add(self, subjects_: Iterable[str], account: str) -> None:
        for subject in subjects_:
            self._accounts.setdefault(exported(subject), []).append(account)

    def rows(self) -> list[tuple[str, str]]:
        return [(quoted(subject), f"[{', '.join(to)}]") for subject, to in sorted(self._accounts.items())]


def _filters(taken: Iterable[str]) -> list[str]:
    return sorted({imported(subject) for subject in taken})


def _subscribed_by(row: flow.Service) -> list[tuple[flow.Service, str]]:
    """Return the broadcasts of other services that a service subscribes to: who sends it, and the subject."""
    sent = [(one, subject) for one in flow.SERVICES for subject in (*one.broadcasts, one.heartbeat) if one != row]
    return [
        (one, subject) for one, subject in sent if any(subjects.matches(wanted, subject) for wanted in row.subscribes)
    ]


def _import(kind: str, account: str, subject: str) -> str:
    there = exported(subject)
    source = f"{kind}: {{ account: {account}, subject: {quoted(there)} }}"
    return source if there == subject else f"{source}, to: {quoted(subject)}"


def _account(
    name: str,
    users: list[str],
    *,
    exports: Iterable[str] = (),
    imports: Iterable[str] = (),
    jetstream: bool = False,
    mappings: Mapping[str, str] | None = None,
) -> list[str]:
    lines = [f"  {name} {{", *(["    jetstream: enabled"] if jetstream else []), "    users: [", *users, "    ]"]
    for title, rows in (("exports", tuple(exports)), ("imports", tuple(imports))):
        if rows:
            lines += [f"    {title}: [", *(f"      {{ {row} }}" for row in rows), "    ]"]
    if mappings:
        rows = tuple(f"      {quoted(sent)}: {quoted(stands)}" for sent, stands in sorted(mappings.items()))
        lines += ["    mappings: {", *rows, "    }"]
    return [*lines, "  }"]


def _user(name: str, public_key: str, permissions: Permissions) -> list[str]:
    return [
        f"      # {name}",
        f"      {{ nkey: {public_key}, permissions: {{",
        f"        publish: {{ allow: {_list(permissions.publish)} }}",
        f"        subscribe: {{ allow: {_list(permissions.subscribe)} }}",
        "      } }",
    ]


def _list(values: Iterable[str]) -> str:
    rows = "".join(f"\n          {quoted(value)}" for value in values)
    return f"[{rows}\n        ]"


def _check_keys(users: RealmUsers) -> None:
    seen: dict[str, str] = {}
    own = {name: key for name, key in ((flow.DOCTOR, users.doctor), (flow.WEB, users.web)) if key}
    for group in (users.services, {PROVISION_USER: users.provision}, own, users.officers, users.systems):
        for name, key in group.items():
            if key in seen:
                raise BadInput(
                    "nats.user_twice",
                    f"{name} and {seen[key]} have the same public key in the realm {users.realm}",
                    "each user has a key of its own; make a new key for one of the two",
                )
            seen[key] = name
