"""Signs requests as OAuth 1.0a asks (RFC 5849, HMAC-SHA1): keys that do not expire, so nothing is renewed. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from services.fanout.connectors.credentials.tokens import TokenFault


@dataclass(frozen=True)
class Keys:
    """The application's key and secret, and the account's token and secret (empty: none yet)."""

    consumer_key: str
    consumer_secret: str = field(repr=False)
    token: str
    token_secret: str = field(repr=False)


def read_keys(credential: str) -> Keys:
    """Read ``key:secret:token:secret``; raises TokenFault for anything else, without showing it."""
    parts = credential.split(":")
    if len(parts) != 4 or not all(part.isascii() and part.isalnum() for part in (p.replace("-", "") for p in parts)):
        raise TokenFault("the credential is not of the form <API key>:<its secret>:<access token>:<its secret>")
    return Keys(*parts)


def authorization(
    keys: Keys, method: str, url: str, query: Mapping[str, str], *, nonce: str, timestamp: int
) -> dict[str, str]:
    """Return the header that signs a request; a JSON or multipart body is not part of what is signed."""
    ours = {
        "oauth_consumer_key": keys.consumer_key,
        "oauth_nonce": nonce,
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(timestamp),
        "oauth_token": keys.token,
        "oauth_version": "1.0",
    }
    if not keys.token:
        del ours["oauth_token"]
    pairs = sorted((_quoted(name), _quoted(value)) for name, value in {**ours, **query}.items())
    base = "&".join((method.upper(), _quoted(url), _quoted("&".join(f"{name}={value}" for name, value in pairs))))
    secret = f"{_quoted(keys.consumer_secret)}&{_quoted(keys.token_secret)}"
    mac = hmac.new(secret.encode(), base.encode(), hashlib.sha1)
    ours["oauth_signature"] = base64.b64encode(mac.digest()).decode()
    return {"Authorization": "OAuth " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in ours.items())}


def _quoted(text: str) -> str:
    return quote(text, safe="-._~")
