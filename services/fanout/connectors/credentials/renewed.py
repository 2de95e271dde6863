"""What fan-out renewed of a credential, in a folder of its own: ``var/website/<realm>/renewed``.

The folder of the credentials is a person's to write, and what is there may say where a credential is. This one is
written by the process that faces the internet, so nothing in it is ever followed: neither a reference nor a link.
A renewed credential counts as long as the one that it renews is in its file; a person who puts another one there
ends it.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from services.kernel.base.files import write_atomically

REFERENCES = "env:", "file:", "exec:"
_MOST_BYTES = 65_536
_MODE = 0o600


class RenewedFault(Exception):
    """It cannot be used; the message says why and how to fix it, without the credential and without the path."""


@dataclass(frozen=True)
class RenewedCredential:
    """A renewed credential, as its file holds it: sealed where the city seals.

    ``renews`` is what gets the next one; empty: what is beside the credential that a person put there.
    """

    credential: str = field(repr=False)
    expires: datetime
    renews: str = field(default="", repr=False)


@lru_cache(maxsize=16_384)
def renewed_path(path: Path) -> Path:
    """Return where it stands what fan-out renewed of the credential at ``path``, a file of ``secrets/<realm>``."""
    return path.parents[2] / "var" / "website" / path.parent.name / "renewed" / f"{path.name}.json"


def read_renewed(path: Path, held: str) -> RenewedCredential | None:
    """Return what fan-out renewed of the credential at ``path``; None: nothing, or of another than is there now.

    Args:
        path: the credential's file.
        held: what that file holds.

    Raises:
        RenewedFault: it cannot be read, is damaged, or holds what is no credential.
    """
    try:
        raw = _read(renewed_path(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RenewedFault(f"cannot be read: {error.strerror}") from error
    try:
        found = json.loads(raw)
        renewed = RenewedCredential(found["credential"], datetime.fromisoformat(found["expires"]), found["renews"])
        of = found["of"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise RenewedFault("is damaged: delete it, and the credential before it counts") from None
    good = is_credential(renewed.credential) and (renewed.renews == "" or is_credential(renewed.renews))
    if not good or renewed.expires.tzinfo is None:
        raise RenewedFault("holds no credential, and is not followed: look who wrote it, then delete it")
    return renewed if of == _fingerprint(held) else None


def write_renewed(path: Path, held: str, renewed: RenewedCredential) -> None:
    """Replace what was renewed of the credential at ``path``, which holds ``held``; raises OSError."""
    content = {
        "of": _fingerprint(held),
        "credential": renewed.credential,
        "expires": renewed.expires.isoformat(),
        "renews": renewed.renews,
    }
    write_atomically(renewed_path(path), json.dumps(content).encode("ascii") + b"\n", _MODE)


def is_credential(text: object) -> bool:
    """True for what may be a credential, and says of none where it is."""
    return isinstance(text, str) and is_token(text) and not text.startswith(REFERENCES)


def is_token(text: str) -> bool:
    """True for one word of printable ASCII."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _fingerprint(held: str) -> str:
    return hashlib.sha256(held.encode("ascii")).hexdigest()


def _read(path: Path) -> bytes:
    """Read a plain file; a link is not followed, and a pipe keeps nobody waiting."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077:
            raise RenewedFault("is no plain file, or can be read by others: look who wrote it, then delete it")
        return file.read(_MOST_BYTES)
