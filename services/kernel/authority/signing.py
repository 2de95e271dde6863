"""Keys and signatures: nkeys (NATS's Ed25519 keys) and DSSE envelopes.

A key is a file of mode 0600 that holds a seed. A seed is never logged, printed or put into an error.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import os
import shlex
import stat
from functools import lru_cache
from pathlib import Path

import nacl.exceptions
import nacl.signing
import nkeys

from schemas.events.base import Contract
from schemas.events.envelope import Envelope, Signature, pae
from schemas.events.passkeys import Assertion
from services.kernel.base.errors import BadInput
from services.kernel.base.files import read_file
from services.kernel.base.hints import in_realm, readable_again

_USER_PREFIX = 20 << 3

_REMEMBERED_BYTES = 8_192
"""Longer messages are verified each time: what is remembered stays small."""


class Signer:
    """A private key in memory. ``public_key`` is its nkey (``U...``)."""

    def __init__(self, seed: bytes) -> None:
        self._pair = nkeys.from_seed(bytearray(seed))
        self.public_key: str = self._pair.public_key.decode()

    def __repr__(self) -> str:
        return f"Signer({self.public_key})"

    def sign(self, payload_type: str, statement: Contract) -> Envelope:
        """Sign a statement's canonical bytes (DSSE)."""
        return seal(payload_type, statement, (self,))

    def raw_signature(self, message: bytes) -> bytes:
        """Return the 64 bytes of an Ed25519 signature."""
        signature: bytes = self._pair.sign(message)
        return signature


def seal(payload_type: str, statement: Contract, signers: tuple[Signer, ...]) -> Envelope:
    """Sign a statement by several keys into one envelope."""
    payload = statement.to_bytes()
    message = pae(payload_type, payload)
    signatures = tuple(
        Signature(keyid=signer.public_key, sig=base64.b64encode(signer.raw_signature(message)).decode("ascii"))
        for signer in signers
    )
    return Envelope(payloadType=payload_type, payload=base64.b64encode(payload).decode("ascii"), signatures=signatures)


def verified_by(envelope: Envelope, payload_type: str) -> frozenset[str]:
    """Return the public keys whose signatures on the envelope are good; passkeys' are not looked at (``OfficerKeys``).

    Empty when the payload type is another one. Raises nothing: a broken signature is not in the answer.
    """
    if envelope.payload_type != payload_type:
        return frozenset()
    try:
        message = envelope.signed_bytes()
    except (binascii.Error, ValueError):
        return frozenset()
    return frozenset(signature.keyid for signature in envelope.signatures if _good(signature, message))


def _good(signature: Signature | Assertion, message: bytes) -> bool:
    if isinstance(signature, Assertion):
        return False
    verify = _verifies if len(message) <= _REMEMBERED_BYTES else _verifies.__wrapped__
    return verify(signature.keyid, signature.sig, message)


@lru_cache(maxsize=1_024)
def _verifies(public_key: str, sig: str, message: bytes) -> bool:
    """Return whether a signature is a key's over these bytes; the same bytes always give the same answer."""
    try:
        nacl.signing.VerifyKey(raw_public(public_key)).verify(message, base64.b64decode(sig, validate=True))
    except (nacl.exceptions.CryptoError, binascii.Error, ValueError, TypeError):
        return False
    return True


@lru_cache(maxsize=256)
def raw_public(public_key: str) -> bytes:
    """Return the 32 bytes of a user nkey; raises ValueError for a wrong prefix or CRC (nkeys: prefix, key, CRC-16)."""
    raw = base64.b32decode(public_key)
    if len(raw) != 35 or raw[0] != _USER_PREFIX:
        raise ValueError("not a user nkey")
    if binascii.crc_hqx(raw[:33], 0) != int.from_bytes(raw[33:], "little"):
        raise ValueError("the nkey's checksum is wrong")
    return raw[1:33]


def _check_seed(seed: bytes) -> None:
    """Check a seed's CRC: nkeys for Python does not, and a misspelt seed is the key of nobody."""
    raw = base64.b32decode(seed + b"=" * (-len(seed) % 8))
    if len(raw) != 36 or binascii.crc_hqx(raw[:34], 0) != int.from_bytes(raw[34:], "little"):
        raise ValueError("the seed's checksum is wrong")


def new_seed() -> bytes:
    """Return the seed of a fresh user key."""
    return bytes(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER))


def write_key(path: Path, seed: bytes) -> None:
    """Write a new key file of mode 0600; an existing file is never replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(seed + b"\n")


_NEW_KEY = "bring it back from your own copy, or have it replaced by a new one: onevoice keys --help"


def _get_back(path: Path) -> str:
    """Say how a key of the city's own comes back, a service's or the provisioning user's; empty for a person's."""
    folders, name = path.parts[-3:-1], path.stem
    hint = "bring it back from the backup, or make a new one: onevoice keys rotate --service"
    if folders[-1] == "provision":
        more = "; outside of onevoice up have the broker reload its accounts then"
        return in_realm(f"{hint} provision{more}", "exercise" if name == "exercise" else "live")
    if "services" not in folders:
        return ""
    return in_realm(f"{hint} {name}", "exercise" if folders[-1] == "exercise" else "live")


def load_key(path: Path) -> Signer:
    """Load a key file.

    Raises:
        BadInput: ``key.missing``, ``key.permissions`` (readable by others), ``key.invalid``.
    """
    try:
        mode = path.stat().st_mode
        content = read_file(path).removeprefix(codecs.BOM_UTF8).strip()
    except OSError as error:
        lost = _get_back(path) or "check the name after --as, and that the city folder is the right one (--city)"
        said = f"there is no readable key at {path}: {error.strerror}"
        raise BadInput("key.missing", said, readable_again(path, error, lost)) from error
    if stat.S_IMODE(mode) & 0o077:
        raise BadInput(
            "key.permissions",
            f"the key {path} can be read by others (mode {stat.S_IMODE(mode):04o})",
            f"chmod 600 {shlex.quote(str(path))}; if others may have read it, have the key revoked and make a new one",
        )
    try:
        _check_seed(content)
        signer = Signer(content)
    except Exception as error:  # nkeys raises a family of its own, and ValueError, for broken seeds
        raise BadInput("key.invalid", f"{path} does not hold an nkey seed", _get_back(path) or _NEW_KEY) from error
    if not signer.public_key.startswith("U"):
        raise BadInput("key.invalid", f"{path} holds an nkey seed, but not a user's", _get_back(path) or _NEW_KEY)
    return signer
