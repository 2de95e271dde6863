"""Writes credentials where connectors read them: whole, for their owner alone, and sealed where the city has a key.

A person's command writes ``secrets/``; fan-out writes what it renews into a folder of its own (``renewed``). The order
makes a crash harmless: first what renews the credential, then the credential, then its end. With the old end beside it
a new credential is only renewed once more. Whoever writes holds the lock of ``renewal_lock``, so that nobody replaces
what another has just renewed.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from services.fanout.connectors.credentials.renewed import RenewedCredential, renewed_path, write_renewed
from services.fanout.connectors.credentials.sealing import seal
from services.fanout.connectors.credentials.tokens import (
    expiry_path,
    held_at,
    is_reference,
    key_of,
    read_renewal,
    read_token,
    reference_of,
    renewal_path,
    renewed_of,
)
from services.kernel.base.city import City
from services.kernel.base.files import write_atomically

_MODE = 0o600


def renewal_lock(city: City) -> Path:
    """Return the lock file of whoever renews, seals or replaces a credential of the realm."""
    return city.var / "website" / city.realm / "renewal.lock"


def keep_credential(path: Path, credential: str, expires: datetime | None, renews: str = "") -> None:
    """Replace a profile's credential, and when it ends; what fan-out renewed of the one before is gone.

    Args:
        path: the credential's file.
        credential: it, or a reference to it, which is never sealed.
        expires: None: it does not end by itself, or nobody knows.
        renews: what renews it; empty: nothing does.

    Raises:
        OSError: the disk is full or not writable.
        TokenFault: the key that seals cannot be had.
    """
    key = None if is_reference(credential) else key_of(path.parent)
    if renews:
        write_atomically(renewal_path(path), _held(renews, key), _MODE)
    else:
        renewal_path(path).unlink(missing_ok=True)
    write_atomically(path, _held(credential, key), _MODE)
    if expires is None:
        expiry_path(path).unlink(missing_ok=True)
    else:
        _write_expiry(path, expires)
    renewed_path(path).unlink(missing_ok=True)
    _give_to_services(path)


def keep_renewed(path: Path, credential: str, expires: datetime, renews: str = "") -> None:
    """Keep what was renewed of the credential at ``path``, which itself stays as it is.

    Args:
        path: the credential's file.
        credential: the new one, never a reference.
        expires: when it ends.
        renews: what renews it; empty: what renewed the one before.

    Raises:
        OSError: the disk is full or not writable.
        TokenFault: the key that seals cannot be had.
    """
    key, before = key_of(path.parent), renewed_of(path)
    kept = _text(renews, key) if renews else (before.renews if before is not None else "")
    write_renewed(path, held_at(path), RenewedCredential(_text(credential, key), expires, kept))


def seal_in_place(path: Path) -> bool:
    """Seal what a file holds with its folder's first key; return False for one that says where the credential is.

    What fan-out renewed takes the place of what it renewed.

    Raises:
        OSError: the disk is full or not writable.
        TokenFault: it cannot be opened, or the key cannot be had.
    """
    if reference_of(path):
        return False
    key, credential, renewed = key_of(path.parent), read_token(path), renewed_of(path)
    if renewed is not None:
        if renewed.renews:
            write_atomically(renewal_path(path), _held(read_renewal(path), key), _MODE)
        _write_expiry(path, renewed.expires)
    write_atomically(path, _held(credential, key), _MODE)
    renewed_path(path).unlink(missing_ok=True)
    _give_to_services(path)
    return True


def _write_expiry(path: Path, expires: datetime) -> None:
    write_atomically(expiry_path(path), expires.isoformat().encode() + b"\n", _MODE)


def _give_to_services(path: Path) -> None:
    """The services have a user of their own, who has to read what root wrote."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        for one in (path, expiry_path(path), renewal_path(path)):
            if one.exists():
                os.chown(one, owner.st_uid, owner.st_gid)


def _held(credential: str, key: bytes | None) -> bytes:
    return _text(credential, key).encode("ascii") + b"\n"


def _text(credential: str, key: bytes | None) -> str:
    return credential if key is None else seal(credential, key)
