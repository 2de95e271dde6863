"""Sends a sealed notice to a device's push service (RFC 8030)."""

from __future__ import annotations

import json
import os
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

import aiohttp

from services.kernel.base.network.tls import public_context
from services.web.push.devices import WokenDevice
from services.web.push.sealing import SALT_BYTES, sealed, vapid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

SECONDS = 10.0
LIVES_SECONDS = 3_600
"""How long a push service keeps a notice for a device that is off."""


class PushOutcome(Enum):
    """What became of a notice: taken, not now, or the device is gone for good."""

    TAKEN = "taken"
    LATER = "later"
    GONE = "gone"


async def send(
    device: WokenDevice, key: ec.EllipticCurvePrivateKey, subject: str, said: dict[str, str], now: datetime
) -> PushOutcome:
    """Send one notice, sealed for the device alone. ``subject``: whom a push service may ask (RFC 8292, 2.1)."""
    from cryptography.hazmat.primitives.asymmetric import ec

    browser, secret = device.keys()
    text = json.dumps(said, ensure_ascii=False).encode()
    body = sealed(text, browser, secret, os.urandom(SALT_BYTES), ec.generate_private_key(ec.SECP256R1()))
    headers = {
        "Authorization": vapid(key, device.endpoint, subject, now),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(LIVES_SECONDS),
        "Urgency": "high",
    }
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(
                device.endpoint, data=body, headers=headers, allow_redirects=False, ssl=public_context()
            ) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return PushOutcome.LATER
    if status in (404, 410):
        return PushOutcome.GONE
    return PushOutcome.TAKEN if 200 <= status < 300 else PushOutcome.LATER
