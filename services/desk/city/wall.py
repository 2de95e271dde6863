"""The wall between the realms, on disk: no account and no credential of one is in the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from schemas.events.authority import Profile, Realm
from schemas.platforms import WEBSITE
from services.audit.proof.control_now import control_now
from services.fanout.connectors.credentials.tokens import TokenFault, read_token
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import BadInput, OneVoiceError
from services.provision import read_manifest

_REALMS: tuple[Realm, Realm] = ("live", "exercise")
LOCAL = "@townsquare"
"""Accounts of the townsquare on this machine may have the same name in both realms: each realm has its own."""


def refuse_shared(city: City) -> None:
    """Refuse a city where an exercise could post to a live account.

    Raises:
        BadInput: ``realms.token``, ``realms.account``.
    """
    for message, hint, code in shared(city):
        raise BadInput(code, message, hint)


def refuse_live(city: City, profiles: Iterable[Profile]) -> None:
    """Refuse profiles of the exercise, sanctioned since its manifest was signed, that are accounts of the live one.

    Raises:
        BadInput: ``realms.account``.
    """
    live = _accounts(city, "live")
    for one in profiles:
        if theirs := live.get((one.platform, one.account.lower())):
            hint = f"an exercise has accounts of its own: onevoice profiles remove {one.id}"
            message = f"{one.account} on {one.platform}, profile {one.id}, is {theirs} of the live realm"
            raise BadInput("realms.account", message, hint)


def shared(city: City) -> Iterator[tuple[str, str, str]]:
    """Yield what both realms have: a sentence, how to fix it, and a code."""
    live, exercise = (_tokens(city.folder / "secrets" / realm) for realm in _REALMS)
    for digest in sorted(live.keys() & exercise.keys()):
        yield (
            f"the credential {live[digest]} of the live realm is {exercise[digest]} of the exercise too",
            "take one that belongs to an account for exercises alone",
            "realms.token",
        )
    ours, theirs = (_accounts(city, realm) for realm in _REALMS)
    for place in sorted(ours.keys() & theirs.keys()):
        yield (
            f"{place[1]} on {place[0]} is a profile of both realms: {ours[place]} and {theirs[place]}",
            "an exercise has accounts of its own: onevoice profiles remove in one of the two",
            "realms.account",
        )


def _tokens(folder: Path) -> dict[str, str]:
    """Return the names of credentials by their hash; one that cannot be read is somebody else's to use."""
    found = {}
    for path in sorted(folder.glob("*.token")) if folder.is_dir() else ():
        raw = held_by(path)
        if raw:
            found[hashlib.sha256(raw).hexdigest()] = path.name
    return found


def held_by(path: Path) -> bytes:
    """Return a credential, by reference too, or the bytes of a file that holds none; empty: it cannot be read here."""
    try:
        return read_token(path).encode()
    except TokenFault:
        try:
            return path.read_bytes().strip()
        except OSError:
            return b""


def _accounts(city: City, realm: Realm) -> dict[tuple[str, str], str]:
    """Return a realm's profiles by platform and account: as ordered by now, where its second copy is here."""
    here = load_city(city.folder, realm)
    try:
        profiles: Iterable[Profile] = control_now(here).profiles.values() or read_manifest(here).profiles
    except (OneVoiceError, OSError):
        return {}
    return {
        (one.platform, one.account.lower()): one.id
        for one in profiles
        if one.platform not in (WEBSITE, "manual") and not one.account.endswith(LOCAL)
    }
