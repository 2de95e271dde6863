"""A person's new keys beside the old ones, until they are in force: ``<name>.next.nk``, ``<name>.login.next.nk``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas import flow
from services.audit.record.audit_keys import pinned_succession
from services.audit.sealing import next_key_path
from services.desk.keys.invitation import Enrolled
from services.desk.keys.sealed import SealedKey, read_sealed, seal_seed
from services.kernel.authority.signing import Signer, load_key, new_seed
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.kernel.base.files import replace_content, write_atomically


def prepare(city: City, name: str, passphrase: str) -> Enrolled:
    """Make new keys beside the old ones, or return those that wait already."""
    if next_paths(city, name)[0].exists():
        return waiting(city, name)
    for path in next_paths(city, name):
        write_atomically(path, seal_seed(new_seed(), passphrase).to_bytes(), mode=0o600)
    return waiting(city, name)


def waiting(city: City, name: str) -> Enrolled:
    """Return the new keys; raises BadInput ``rotate.none``."""
    signing, login = (_sealed(path) for path in next_paths(city, name))
    return Enrolled(city.folder, signing.public_key, login.public_key)


@contextmanager
def tried(city: City, name: str) -> Iterator[None]:
    """Use the new keys while the block runs; put the old ones back if it fails."""
    places = [*zip(next_paths(city, name), _own(city, name), strict=True)]
    kept = {own: own.read_bytes() for _, own in places if own.exists()}
    for new, own in places:
        write_atomically(own, new.read_bytes(), mode=0o600)
    try:
        yield
    finally:
        for _, own in places:
            if own in kept:
                write_atomically(own, kept[own], mode=0o600)
            else:
                own.unlink()


def renew_service(city: City, service: str) -> str:
    """Give a service a new key, and return its public half; the running service uses it when the broker cuts it off.

    Not the audit service, whose key seals the record: ``prepare_audit``.

    Raises:
        BadInput: ``service.unknown``.
    """
    names = {row.user: row.name for row in flow.SERVICES} | {flow.WEB: flow.WEB}
    row = names.get(service.replace("_", "-"))
    if row is None:
        raise BadInput("service.unknown", f"there is no service {service!r}", f"one of {', '.join(names)}")
    seed = new_seed()
    replace_content(city.service_key_path(row), seed + b"\n", mode=0o600)
    return Signer(seed).public_key


def prepare_audit(city: City) -> str:
    """Make the audit service's next key beside the one that seals, or keep the one that waits; return its public half.

    It seals from the entry on by which the root names it (``root renew --audit-key``).
    """
    path = next_key_path(city)
    if not path.exists():
        replace_content(path, new_seed() + b"\n", mode=0o600)
    return load_key(path).public_key


def finish_audit(city: City) -> str:
    """Put the audit key that the root named in the old one's place; return its public half.

    Raises:
        BadInput: ``rotate.none``: no key waits. ``rotate.waits``: the record does not know yet that the root named it.
    """
    path = next_key_path(city)
    if not path.exists():
        raise BadInput("rotate.none", "no new audit key waits here", "onevoice keys rotate --service audit")
    public = load_key(path).public_key
    if pinned_succession(city).keys.newest != public:
        hint = f"onevoice root renew next.root --audit-key {public}"
        raise BadInput("rotate.waits", "the root has not named the new audit key yet", hint)
    path.replace(city.service_key_path("audit"))
    return public


def finish(city: City, name: str) -> None:
    """Put the new keys in the place of the old ones."""
    for new, own in zip(next_paths(city, name), _own(city, name), strict=True):
        new.replace(own)


def _own(city: City, name: str) -> tuple[Path, Path]:
    signing = city.key_path(name)
    return signing, signing.with_name(f"{name}.login.nk")


def next_paths(city: City, name: str) -> tuple[Path, Path]:
    """Return the files of the new keys, there or not: the one that signs, the one that logs in."""
    signing = city.key_path(name)
    return signing.with_name(f"{name}.next.nk"), signing.with_name(f"{name}.login.next.nk")


def _sealed(path: Path) -> SealedKey:
    found = read_sealed(path)
    if found is None:
        raise BadInput("rotate.none", "no new key waits here", "onevoice keys rotate")
    return found
