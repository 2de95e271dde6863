"""A browser that was subscribed, and its push service: opens what is sent, as a browser does (RFC 8291)."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import http_ece
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from services.web.push.sealing import key_of, point, word
from tests.support.phone import raw
from tests.support.ports import free_port


def opened(body: bytes, own: ec.EllipticCurvePrivateKey, secret: bytes) -> bytes:
    """Return the text of a push message, opened by code of others (``http-ece``)."""
    text: bytes = http_ece.decrypt(body, private_key=own, auth_secret=secret, version="aes128gcm")
    return text


def token_of(header: str) -> dict[str, Any]:
    """Return the claims of a VAPID header whose signature is that of the key beside it; with ``key`` the key."""
    kind, _, rest = header.partition(" ")
    assert kind == "vapid"
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    said, _, signature = parts["t"].rpartition(".")
    both = raw(signature)
    der = encode_dss_signature(int.from_bytes(both[:32], "big"), int.from_bytes(both[32:], "big"))
    key_of(raw(parts["k"])).verify(der, said.encode(), ec.ECDSA(SHA256()))
    head, claims = (json.loads(raw(part)) for part in said.split("."))
    assert head == {"typ": "JWT", "alg": "ES256"}
    return {**claims, "key": parts["k"]}


@dataclass
class PushService:
    """One browser and the service that reaches it; ``status`` is what it answers from now on."""

    origin: str = ""
    status: int = 201
    notices: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = b"sixteen bytes of"

    @property
    def subscription(self) -> dict[str, str]:
        """What the browser tells the page."""
        auth = base64.urlsafe_b64encode(self.secret).decode().rstrip("=")
        return {"endpoint": f"{self.origin}/p/1", "p256dh": word(point(self.key.public_key())), "auth": auth}

    async def take(self, request: web.Request) -> web.Response:
        """Take a message, as RFC 8030 has it."""
        body = await request.read()
        if self.status == 201:
            assert request.headers["Content-Encoding"] == "aes128gcm"
            assert int(request.headers["TTL"]) > 0
            assert token_of(request.headers["Authorization"])["aud"] == self.origin
            self.notices.append(json.loads(opened(body, self.key, self.secret)))
            self.headers.append(dict(request.headers))
        return web.Response(status=self.status)


@asynccontextmanager
async def push_service(port: int | None = None) -> AsyncIterator[PushService]:
    """Run a push service while the block runs."""
    app, service, port = web.Application(), PushService(), port or free_port()
    service.origin = f"http://127.0.0.1:{port}"
    app.add_routes([web.post("/p/1", service.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield service
    await runner.cleanup()
