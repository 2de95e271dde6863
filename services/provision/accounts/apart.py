"""Leaves out of the accounts what would make nats-server refuse all of them: it takes each key once, in both realms.

Whoever gives orders may name any public key: a service's, which stands in each checkpoint, or one of the other realm.
The live realm goes before the exercise. Who is left out cannot connect, and the file says so, for the doctor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from schemas import flow
from services.kernel.base.network.broker_users import BrokerUser, users_in
from services.provision.accounts.accounts_conf import LEFT_OUT, RealmUsers
from services.provision.accounts.permissions import PROVISION_USER

_OWN_NAME = "which is the name of a user of OneVoice itself"
_USER = re.compile(
    r"^      # \S+\n      \{ nkey: (?P<key>\w+), permissions: \{\n(?:        .*\n)*      \} \}\n", re.MULTILINE
)


def apart(users: RealmUsers, others: Iterable[BrokerUser]) -> RealmUsers:
    """Return a realm's users without the people and systems that the broker could not take.

    Args:
        users: as control has them.
        others: the users in the other realm's accounts file.
    """
    own = {**users.services, PROVISION_USER: users.provision, flow.DOCTOR: users.doctor, flow.WEB: users.web}
    taken = {key: name for name, key in own.items() if key is not None}
    exercise = users.realm == "exercise"
    taken |= {one.key: f"{one.name} in the other realm" for one in others if exercise or one.own}
    said: list[str] = []
    officers = dict(_fitting(users.officers, taken, said))
    systems = dict(_fitting(users.systems, taken, said))
    return replace(users, officers=officers, systems=systems, left_out=tuple(said))


def _fitting(group: Mapping[str, str], taken: dict[str, str], said: list[str]) -> Iterator[tuple[str, str]]:
    """Yield who can be a user, and take their keys; note in ``said`` who cannot."""
    for name, key in group.items():
        if name in flow.RESERVED:
            said.append(f"{name}, {_OWN_NAME}")
        elif key in taken:
            said.append(f"{name}, who has the key of {taken[key]}")
        else:
            taken[key] = name
            yield name, key


def without(text: str, others: Iterable[BrokerUser]) -> str:
    """Return an accounts file of the exercise without the people and systems whose key is also in the live realm's."""
    theirs = {one.key: one.name for one in others}
    found = [one for one in users_in(text) if one.key in theirs and not one.own]
    if not found:
        return text
    gone = {one.key for one in found}
    kept = _USER.sub(lambda user: "" if user["key"] in gone else user[0], text)
    said = (f"{LEFT_OUT}{one.name}, who has the key of {theirs[one.key]} in the other realm\n" for one in found)
    return "".join(said) + kept


def left_out_of(text: str) -> list[str]:
    """Return who was left out of an accounts file, and why."""
    return [line.removeprefix(LEFT_OUT) for line in text.splitlines() if line.startswith(LEFT_OUT)]


def hint_for(one: str) -> str:
    """Return what helps somebody who was left out."""
    if one.endswith(_OWN_NAME):
        return "give another id: onevoice officers add, or systems add"
    return "make a new key (onevoice enroll), and give it: onevoice officers rekey, or systems add"
