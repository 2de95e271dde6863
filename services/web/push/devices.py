"""The devices that officers have woken, each a file; and the key by which push services know these pages."""

from __future__ import annotations

import base64
import re
import secrets
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, ValidationError

from schemas.canonical import StrictJsonError
from schemas.events.base import Contract, Id, Utc
from schemas.events.passkeys import CredentialId
from services.kernel.base.errors import BadInput, Refused
from services.kernel.base.files import write_atomically
from services.web.push.sealing import SECRET_BYTES, key_of
from services.web.sessions import WebSession

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

MOST_DEVICES = 10
"""Of one officer."""

_ID = re.compile(r"[A-Za-z0-9_-]{22}")
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,120}$")]


class WokenDevice(Contract):
    """A browser that asked to be woken: where its push service takes notices, and with what they are sealed.

    ``endpoint``, ``p256dh`` and ``auth`` as the browser gave them (Push API); ``credential`` is the passkey of the
    session that asked: without it nothing is sent any more.
    """

    id: str
    officer: Id
    credential: CredentialId
    label: Annotated[str, StringConstraints(max_length=60)]
    language: str
    endpoint: Annotated[str, StringConstraints(max_length=1_000)]
    p256dh: Word
    auth: Word
    made_at: Utc
    told: dict[str, Utc] = Field(default_factory=dict)

    def keys(self) -> tuple[bytes, bytes]:
        """Return its public key and its secret."""
        return _raw(self.p256dh), _raw(self.auth)


def _raw(word: str) -> bytes:
    return base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))


class WokenDevices:
    """The devices of a realm, a file each in ``var/web/<realm>/push``; the key is beside them."""

    def __init__(self, folder: Path, services: tuple[str, ...]) -> None:
        self._folder, self._services = folder, services

    def key(self) -> ec.EllipticCurvePrivateKey:
        """Return the key of these pages (VAPID), made at the first call; raises BadInput ``push.key``."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        path = self._folder / "vapid.pem"
        try:
            if not path.exists():
                made = ec.generate_private_key(ec.SECP256R1())
                form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                write_atomically(path, made.private_bytes(serialization.Encoding.PEM, *form), 0o600)
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError) as error:
            raise BadInput(
                "push.key", f"the key for push notices cannot be used: {error}", f"look at {path}"
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise BadInput("push.key", f"{path.name} is no key of P-256", "take it away: another one is made")
        return key

    def add(self, session: WebSession, said: dict[str, str], now: datetime) -> WokenDevice:
        """Keep the device of a session, by what its browser said, and return it; the same one again takes its place.

        Raises:
            BadInput: ``push.malformed``, ``push.service``.
            Refused: ``push.many``.
        """
        own = self.of(session.officer)
        same = next((one for one in own if one.endpoint == said.get("endpoint")), None)
        if same is None and len(own) >= MOST_DEVICES:
            raise Refused("push.many", f"{MOST_DEVICES} devices are woken for you", "End one of them first.")
        try:
            made = WokenDevice.from_value(
                {
                    **said,
                    "id": same.id if same else secrets.token_urlsafe(16),
                    "officer": session.officer,
                    "credential": session.credential,
                    "label": session.passkey,
                    "language": session.language,
                    "made_at": now.isoformat(),
                }
            )
            browser, secret = made.keys()
            key_of(browser)
            if len(secret) != SECRET_BYTES:
                raise ValueError("a browser's secret has 16 bytes")
        except (ValueError, ValidationError) as error:
            raise BadInput("push.malformed", "the browser's answer cannot be read", "Try again.") from error
        refuse_service(made.endpoint, self._services)
        self.save(made)
        return made

    def save(self, device: WokenDevice) -> None:
        """Keep what is known of a device; raises BadInput ``push.disk``."""
        try:
            write_atomically(self._folder / f"{device.id}.json", device.to_bytes(), 0o600)
        except OSError as error:
            message = f"the device could not be kept: {error.strerror}"
            raise BadInput("push.disk", message, "Look at the disk of the city's machine.") from error

    def every(self) -> list[WokenDevice]:
        """Return all devices that can be read, the newest first."""
        found = []
        for path in self._folder.glob("*.json"):
            try:
                found.append(WokenDevice.from_bytes(path.read_bytes()))
            except (OSError, StrictJsonError, ValidationError):
                continue
        return sorted(found, key=lambda one: one.made_at, reverse=True)

    def of(self, officer: str) -> list[WokenDevice]:
        """Return an officer's devices, the newest first."""
        return [one for one in self.every() if one.officer == officer]

    def end(self, device_id: str) -> None:
        """Forget a device."""
        if _ID.fullmatch(device_id):
            (self._folder / f"{device_id}.json").unlink(missing_ok=True)


def refuse_service(endpoint: str, services: tuple[str, ...]) -> None:
    """Let an address pass that belongs to a known push service: nobody has these pages call another machine.

    Args:
        endpoint: what a browser says.
        services: host names, each with all below it, over https; or whole origins of this machine.

    Raises:
        BadInput: ``push.service``.
    """
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    own = f"{parts.scheme}://{parts.netloc}" in services
    known = parts.scheme == "https" and parts.netloc == host and port is None
    if own or (known and any(host == one or host.endswith(f".{one}") for one in services)):
        return
    hint = "Use another browser, or have it named under [web] push_services in city.toml."
    raise BadInput("push.service", f"{host[:100] or 'this'} is no push service that is known here", hint)
