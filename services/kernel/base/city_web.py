"""The section of city.toml that says where officers open the desk in a browser."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from schemas.events.passkeys import Origin, RpId, WebPlace, host_of
from services.kernel.base.city_platforms import Section

PUSH_SERVICES = (
    "fcm.googleapis.com",
    "push.services.mozilla.com",
    "push.apple.com",
    "notify.windows.com",
)
"""Those of Chrome and Edge on Android, Firefox, Safari, and Edge on Windows."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class WebSection(Section):
    """[web]: ``origin`` is the address that officers' browsers show; passkeys are made for it and count nowhere else.

    ``rp_id`` is its host, or a domain above it that the city alone uses; absent: the host. The pages are served on
    ``host`` and ``port`` (absent: the port of a localhost origin, else 4225) by ``onevoice up``, unless ``serve`` is
    false. Elsewhere than on this machine a proxy that ends TLS stands in front, and the origin begins with https.
    ``push_services``: hosts (with all below them) that notices to browsers may be sent to, over https.
    """

    origin: Origin = "http://localhost:4225"
    rp_id: RpId | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    serve: bool = True
    push_services: tuple[str, ...] = PUSH_SERVICES

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
        if self.host not in LOOPBACK and not self.origin.startswith("https://"):
            raise ValueError(
                'host leaves this machine: that takes a proxy with TLS in front, and origin = "https://..."'
            )
        return self
