"""The section of city.toml that says where officers open the desk in a browser."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from schemas.events.authority import Realm
from schemas.events.passkeys import Origin, RpId, WebPlace, host_of
from services.kernel.base.settings.addresses import HostName
from services.kernel.base.settings.city_platforms import Section

LAST_PORT = 65_535

PUSH_SERVICES = (
    "fcm.googleapis.com",
    "push.services.mozilla.com",
    "push.apple.com",
    "notify.windows.com",
)
"""Those of Chrome and Edge on Android, Firefox, Safari, and Edge on Windows."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


_USUAL_PORTS = {"https": 443, "http": 80}


def _as_browsers_send_it(origin: str) -> str:
    parts = urlsplit(origin)
    if parts.port == _USUAL_PORTS[parts.scheme]:
        bare = f"{parts.scheme}://{parts.hostname}"
        raise ValueError(f"browsers never send the usual port: the origin is {bare}, without :{parts.port}")
    return origin


PageOrigin = Annotated[Origin, AfterValidator(_as_browsers_send_it)]


class WebSection(Section):
    """[web]: ``origin`` is the address that officers' browsers show; passkeys are made for it and count nowhere else.

    ``rp_id`` is its host, or a domain above it that the city alone uses; absent: the host. The pages are served on
    ``host`` and ``port`` (absent: the port of a localhost origin, else 4225) by ``onevoice up``, unless ``serve`` is
    false. Elsewhere than on this machine a proxy that ends TLS is in front, and the origin begins with https.
    ``exercise_origin`` is the exercise's address; absent: the port beside a localhost origin, else it has none of its
    own and is served alone, at ``origin``. ``push_services``: hosts (with all below them) that notices to browsers may
    be sent to, over https.
    """

    origin: PageOrigin = "http://localhost:4225"
    rp_id: RpId | None = None
    host: HostName = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    serve: bool = True
    push_services: tuple[str, ...] = PUSH_SERVICES
    exercise_origin: PageOrigin | None = None
    exercise_port: Annotated[int, Field(ge=1, le=65_535)] | None = None

    def of(self, realm: Realm) -> WebSection:
        """Return what holds for a realm: in the exercise another address, so that no page is taken for the other's."""
        origin = self.exercise_origin or self._next_port()
        if realm == "live" or origin is None or origin == self.origin:
            return self
        return self.model_copy(update={"origin": origin, "rp_id": None, "port": self.exercise_port})

    def _next_port(self) -> str | None:
        """Return the address beside a localhost one."""
        port = urlsplit(self.origin).port
        beside = host_of(self.origin) == "localhost" and port and port < LAST_PORT
        return f"http://localhost:{port + 1}" if port and beside else None

    @property
    def place(self) -> WebPlace:
        """Where passkeys are made and used."""
        return WebPlace(origin=self.origin, rp_id=self.rp_id or host_of(self.origin))

    @property
    def listens_on(self) -> int:
        """The port that the pages are served on."""
        own = urlsplit(self.origin).port if host_of(self.origin) == "localhost" else None
        return self.port or own or 4225

    @model_validator(mode="after")
    def _a_place_that_can_be(self) -> Self:
        _ = self.place
        if (self.exercise_origin or "").startswith("https://") and self.exercise_port in (None, self.listens_on):
            raise ValueError("exercise_origin behind a proxy needs an exercise_port of its own")
        if self.host not in LOOPBACK and not self.origin.startswith("https://"):
            raise ValueError(
                'host leaves this machine: that takes a proxy with TLS in front, and origin = "https://..."'
            )
        return self
