"""Writes credentials where connectors read them: whole, for their owner alone, and sealed where the city has a key.

The order makes a crash harmless: first what renews the credential, then the credential, then its end. With the old end
beside it a new credential is only renewed once more.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from services.fanout.connectors.sealing import seal
from services.fanout.connectors.tokens import expiry_path, is_reference, key_of, read_token, reference_of, renewal_path
from services.kernel.base.files import write_atomically

_MODE = 0o600


def keep_credential(path: Path, credential: str, expires: datetime | None, renews: str | None = "") -> None:
    """Replace a profile's credential, and when it ends.

    Args:
        path: the credential's file.
        credential: it, or a reference to it, which is never sealed.
        expires: None: it does not end by itself, or nobody knows.
        renews: what renews it; empty: nothing does. None: what stands there goes on.

    Raises:
        OSError: the disk is full or not writable.
        TokenFault: the key that seals cannot be had.
    """
    key = None if is_reference(credential) else key_of(path.parent)
    if renews:
        write_atomically(renewal_path(path), _held(renews, key), _MODE)
    elif renews is not None:
        renewal_path(path).unlink(missing_ok=True)
    write_atomically(path, _held(credential, key), _MODE)
    if expires is None:
        expiry_path(path).unlink(missing_ok=True)
    else:
        write_atomically(expiry_path(path), expires.isoformat().encode() + b"\n", _MODE)
    if os.geteuid() == 0:  # the services have a user of their own, who has to read it
        owner = path.parent.stat()
        for one in (path, expiry_path(path), renewal_path(path)):
            if one.exists():
                os.chown(one, owner.st_uid, owner.st_gid)


def seal_in_place(path: Path) -> bool:
    """Seal what a file holds with its folder's first key; return False for one that says where the credential is.

    Raises:
        OSError: the disk is full or not writable.
        TokenFault: it cannot be opened, or the key cannot be had.
    """
    if reference_of(path):
        return False
    write_atomically(path, _held(read_token(path), key_of(path.parent)), _MODE)
    return True


def _held(credential: str, key: bytes | None) -> bytes:
    return (credential if key is None else seal(credential, key)).encode("ascii") + b"\n"
