"""Seals the credentials of a realm with a key that lies elsewhere; a crash in between leaves each of them readable."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from services.desk.connect.renewing import WAIT_SECONDS, nothing_renewed
from services.fanout.connectors.credentials.keeping import seal_in_place
from services.fanout.connectors.credentials.sealing import MOST_KEYS, new_key, sealing_path
from services.fanout.connectors.credentials.tokens import TokenFault, is_reference, key_references, keys_of
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.kernel.base.files import write_atomically

_FILE = "file:"
_FORMS = "env:NAME, file:/the/whole/path (mode 0600), or exec:/the/whole/path and words"


@dataclass(frozen=True)
class SealedFolder:
    """What was done: which files are sealed now, which say where their credential is, and which could not be sealed."""

    sealed: tuple[str, ...]
    elsewhere: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    made: bool


def seal_all(city: City, reference: str, wait: float = WAIT_SECONDS) -> SealedFolder:
    """Seal each credential of the realm with the key that a reference names; a key's file is made where it is missing.

    While a file cannot be opened its old key stays named, so that nothing is lost. ``wait``: for a renewal; seconds.

    Raises:
        BadInput: ``seal.key``: it is no reference, lies in the city folder, or cannot be had; ``seal.disk``.
        Unreachable: ``credentials.busy``.
    """
    folder = city.folder / "secrets" / city.realm
    if not folder.is_dir():
        raise BadInput("seal.folder", f"there are no credentials at {folder}", "run it where the city runs")
    try:
        made = _check_key(city, reference)
        with nothing_renewed(city, wait):
            before = [one for one in key_references(folder) if one != reference][: MOST_KEYS - 1]
            _name(folder, [reference, *before])
            done = _seal(folder)
            if not done.failed:
                _name(folder, [reference])
    except TokenFault as fault:
        raise BadInput("seal.key", str(fault), _FORMS) from None
    except OSError as error:
        message = f"{error.filename or folder} cannot be written: {error.strerror}"
        raise BadInput("seal.disk", message, "run it as the user who owns the city folder") from error
    return SealedFolder(done.sealed, done.elsewhere, done.failed, made)


def _check_key(city: City, reference: str) -> bool:
    """See that a reference names a key that lies elsewhere; return whether it was made."""
    if not is_reference(reference):
        raise BadInput("seal.key", "that does not say where a key is", _FORMS)
    path = Path(reference.removeprefix(_FILE)) if reference.startswith(_FILE) else None
    made = False
    if path is not None:
        if path.resolve().is_relative_to(city.folder.resolve()):
            message = "a key in the city folder goes along with each copy of it, and then seals nothing"
            raise BadInput("seal.key", message, "onevoice profiles seal --key file:/etc/onevoice/credentials.key")
        if path.is_absolute() and not path.exists():
            write_atomically(path, new_key().encode("ascii") + b"\n", 0o600)
            _give_to_owner(path, city.folder / "secrets" / city.realm)
            made = True
    keys_of(city.folder / "secrets" / city.realm, [reference])
    return made


def _seal(folder: Path) -> SealedFolder:
    sealed: list[str] = []
    elsewhere: list[str] = []
    failed: list[tuple[str, str]] = []
    for path in sorted([*folder.glob("*.token"), *folder.glob("*.renewal")]):
        try:
            (sealed if seal_in_place(path) else elsewhere).append(path.name)
        except TokenFault as fault:
            failed.append((path.name, str(fault)))
    return SealedFolder(tuple(sealed), tuple(elsewhere), tuple(failed), made=False)


def _name(folder: Path, references: list[str]) -> None:
    write_atomically(sealing_path(folder), "".join(f"{one}\n" for one in references).encode("ascii"), 0o600)
    _give_to_owner(sealing_path(folder), folder)


def _give_to_owner(path: Path, folder: Path) -> None:
    """Let the services' user read what root wrote."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
