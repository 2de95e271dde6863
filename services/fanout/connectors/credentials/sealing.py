"""Credentials that are sealed on the disk: a copy of the secrets' folder opens nothing without the key.

A sealed file holds ``sealed:`` and a secret box (XSalsa20-Poly1305, libsodium) in base64. Where the key is says the
folder's file ``sealing``, by reference, a line for each key: with the first is sealed, each of them may open.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import nacl.exceptions
import nacl.secret
import nacl.utils

SEALED = "sealed:"
KEY_BYTES = nacl.secret.SecretBox.KEY_SIZE
MOST_KEYS = 4


class SealFault(Exception):
    """It cannot be sealed or opened; the message says why, without key and credential."""


def sealing_path(folder: Path) -> Path:
    """Return the file that says where the keys of a folder's credentials are; there is none: they are not sealed."""
    return folder / "sealing"


def new_key() -> str:
    """Return a new key as it is written down."""
    return base64.urlsafe_b64encode(nacl.utils.random(KEY_BYTES)).decode("ascii")


def read_key(text: str) -> bytes:
    """Return a key from how it is written down: 32 bytes in base64.

    Raises:
        SealFault: it is something else.
    """
    try:
        key = base64.urlsafe_b64decode(text.encode("ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SealFault(f"the key is not {KEY_BYTES} bytes in base64")
    return key


def seal(credential: str, key: bytes) -> str:
    """Return a credential as its file holds it, sealed."""
    box = nacl.secret.SecretBox(key).encrypt(credential.encode("ascii"))
    return SEALED + base64.urlsafe_b64encode(bytes(box)).decode("ascii")


def unseal(text: str, keys: Sequence[bytes]) -> str:
    """Return the credential that a file's text holds.

    Raises:
        SealFault: no key opens it, or it was changed.
    """
    try:
        box = base64.urlsafe_b64decode(text.removeprefix(SEALED).encode("ascii"))
    except ValueError as error:
        raise SealFault("it is sealed, and damaged") from error
    for key in keys:
        try:
            return bytes(nacl.secret.SecretBox(key).decrypt(box)).decode("ascii")
        except (nacl.exceptions.CryptoError, ValueError):
            continue
    raise SealFault("the key does not open it")
