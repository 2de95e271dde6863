"""Encrypts a notice for one browser, and says whose it is: RFC 8291 (aes128gcm of RFC 8188) and RFC 8292 (VAPID). Pure.

A browser gives its public key and a secret of 16 bytes when it subscribes; the push service in between sees neither
the text nor who it is for, only our key.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:  # and in the functions: seven megabytes, where nobody is woken
    from cryptography.hazmat.primitives.asymmetric import ec

SALT_BYTES = SECRET_BYTES = 16
POINT_BYTES = 65
RECORD_BYTES = 4_096
"""One record holds all; push services take 4,096 bytes (RFC 8030, 7.2)."""

MOST_BYTES = 3_000
"""Of a notice."""

TOKEN_LIFETIME = timedelta(hours=12)
"""RFC 8292 allows a day."""


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as the 65 bytes of an uncompressed point of P-256."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def key_of(raw: bytes) -> ec.EllipticCurvePublicKey:
    """Return the public key of such bytes; raises ValueError."""
    if len(raw) != POINT_BYTES:
        raise ValueError("a browser's key has 65 bytes")
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)


def sealed(text: bytes, browser: bytes, secret: bytes, salt: bytes, own: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the body of a push message.

    Args:
        text: what the browser is to read; at most 3,000 bytes.
        browser: its public key (65 bytes).
        secret: its secret (16 bytes).
        salt: 16 random bytes, of this message alone.
        own: a key pair of this message alone.

    Raises:
        ValueError: something has not its length, or is no point.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(text) > MOST_BYTES or len(secret) != SECRET_BYTES or len(salt) != SALT_BYTES:
        raise ValueError("a notice has 3,000 bytes at most, a secret and a salt have 16")
    key, nonce = _derived(own.exchange(ec.ECDH(), key_of(browser)), browser, point(own.public_key()), secret, salt)
    head = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([POINT_BYTES]) + point(own.public_key())
    return head + AESGCM(key).encrypt(nonce, text + b"\x02", None)


def _derived(shared: bytes, browser: bytes, sender: bytes, secret: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Return the content key and the nonce, of a shared secret and both public keys (RFC 8291, 3.4)."""
    first = _hkdf(shared, secret, b"WebPush: info\0" + browser + sender, 32)
    key = _hkdf(first, salt, b"Content-Encoding: aes128gcm\0", 16)
    return key, _hkdf(first, salt, b"Content-Encoding: nonce\0", 12)


def _hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def vapid(key: ec.EllipticCurvePrivateKey, endpoint: str, subject: str, now: datetime) -> str:
    """Return the Authorization header for a push service: a token for its origin, signed by our key (RFC 8292)."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int((now + TOKEN_LIFETIME).timestamp()),
        "sub": subject,
    }
    said = ".".join(word(json.dumps(one).encode()) for one in ({"typ": "JWT", "alg": "ES256"}, claims))
    r, s = decode_dss_signature(key.sign(said.encode(), ec.ECDSA(SHA256())))
    token = f"{said}.{word(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
    return f"vapid t={token}, k={word(point(key.public_key()))}"


def word(raw: bytes) -> str:
    """Return bytes in base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
