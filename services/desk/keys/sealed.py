"""A private key under a passphrase: argon2id makes the key of a secret box (XSalsa20-Poly1305) that holds the seed.

The file says in clear which public key it is, and with what costs it was sealed. Source: libsodium, "Password hashing".
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import nacl.exceptions
import nacl.pwhash.argon2id as argon2id
import nacl.secret
import nacl.utils

from services.kernel.authority.signing import Signer
from services.kernel.base.errors import BadInput
from services.kernel.base.files import read_file

SHORTEST = 12
"""Characters of a passphrase at least."""

OPERATIONS, MEMORY = argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE
MOST_MEMORY = 1 << 30
"""Bytes: a file that asks for more is not opened."""


@dataclass(frozen=True)
class SealedKey:
    """A key file's content. ``operations`` and ``memory`` (bytes) are argon2id's costs."""

    public_key: str
    operations: int
    memory: int
    salt: bytes
    box: bytes

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        said = {
            "onevoice_key": 1,
            "public_key": self.public_key,
            "kdf": "argon2id",
            "operations": self.operations,
            "memory": self.memory,
            "salt": base64.b64encode(self.salt).decode("ascii"),
            "box": base64.b64encode(self.box).decode("ascii"),
        }
        return json.dumps(said, indent=1).encode("ascii") + b"\n"

    def open(self, passphrase: str) -> bytes:
        """Return the seed; raises BadInput ``key.passphrase``."""
        try:
            seed: bytes = nacl.secret.SecretBox(self._key(passphrase)).decrypt(self.box)
        except nacl.exceptions.CryptoError as error:
            raise BadInput("key.passphrase", "this passphrase does not open the key", "try again") from error
        return seed

    def _key(self, passphrase: str) -> bytes:
        raw: bytes = argon2id.kdf(
            nacl.secret.SecretBox.KEY_SIZE, passphrase.encode(), self.salt, self.operations, self.memory
        )
        return raw


def check_passphrase(passphrase: str) -> None:
    """Raise BadInput ``key.passphrase_short`` for one that can be guessed."""
    if len(passphrase) < SHORTEST:
        raise BadInput("key.passphrase_short", f"a passphrase has at least {SHORTEST} characters", "four words do")


def seal_seed(seed: bytes, passphrase: str, *, operations: int = OPERATIONS, memory: int = MEMORY) -> SealedKey:
    """Seal a seed at argon2id's costs (``memory`` in bytes); raises BadInput ``key.passphrase_short``."""
    check_passphrase(passphrase)
    empty = SealedKey(Signer(seed).public_key, operations, memory, nacl.utils.random(argon2id.SALTBYTES), b"")
    box = bytes(nacl.secret.SecretBox(empty._key(passphrase)).encrypt(seed))
    return SealedKey(empty.public_key, empty.operations, empty.memory, empty.salt, box)


def read_sealed(path: Path) -> SealedKey | None:
    """Return the sealed key of a file; None where the file holds a bare seed, or cannot be read.

    Raises:
        BadInput: ``key.invalid``.
    """
    try:
        raw = read_file(path)
    except OSError:
        return None
    if not raw.lstrip().startswith(b"{"):
        return None
    try:
        said = json.loads(raw)
        found = SealedKey(
            str(said["public_key"]),
            int(said["operations"]),
            int(said["memory"]),
            base64.b64decode(said["salt"], validate=True),
            base64.b64decode(said["box"], validate=True),
        )
        known = said["onevoice_key"] == 1 and said["kdf"] == "argon2id"
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput("key.invalid", f"{path} is no key file", "restore it, or enroll again") from error
    if not known or not 0 < found.memory <= MOST_MEMORY or not 0 < found.operations <= 16:
        raise BadInput("key.invalid", f"{path} was sealed in a way that is not known here", "update onevoice")
    return found
