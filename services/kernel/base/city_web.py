"""The section of city.toml that says where officers open the desk in a browser."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from schemas.events.passkeys import Origin, RpId, WebPlace, host_of
from services.kernel.base.city_platforms import Section


class WebSection(Section):
    """[web]: ``origin`` is the address that officers' browsers show; passkeys are made for it and count nowhere else.

    ``rp_id`` is its host, or a domain above it that the city alone uses; absent: the host.
    """

    origin: Origin = "http://localhost:4225"
    rp_id: RpId | None = None

    @property
    def place(self) -> WebPlace:
        """Where passkeys are made and used."""
        return WebPlace(origin=self.origin, rp_id=self.rp_id or host_of(self.origin))

    @model_validator(mode="after")
    def _a_place_that_can_be(self) -> Self:
        _ = self.place
        return self
