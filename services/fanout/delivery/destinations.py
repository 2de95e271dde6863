"""The way to a profile: who it is, the connector of its platform, and its host."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.events.authority import Profile
from schemas.platforms import MIRROR, WEBSITE
from services.fanout.connectors.contract import Connector
from services.fanout.hosts.host import Host, HostRegistry
from services.kernel.runtime.service import Runtime

MIRROR_PROFILE = Profile(id=MIRROR, department="city", platform=WEBSITE, account=MIRROR, departmental=False)
"""What stands in for a profile where a message is mirrored on the city's website."""


class Destinations:
    """Finds profiles, connectors and hosts; what the city does not have is None."""

    def __init__(self, runtime: Runtime, connectors: Mapping[str, Connector], hosts: HostRegistry) -> None:
        self._runtime = runtime
        self._connectors = connectors
        self._hosts = hosts
        self._able: dict[tuple[str, type], bool] = {}

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms that there is a connector for."""
        return tuple(self._connectors)

    def profile(self, profile_id: str) -> Profile | None:
        """Return an official profile; of the website's mirror its stand-in."""
        return MIRROR_PROFILE if profile_id == MIRROR else self._runtime.control.profiles.get(profile_id)

    def connector(self, profile_id: str) -> Connector | None:
        """Return the connector of a profile's platform."""
        if profile_id == MIRROR:
            return self._connectors.get(MIRROR)
        profile = self.profile(profile_id)
        return self._connectors.get(profile.platform) if profile is not None else None

    def of_platform(self, platform: str) -> Connector | None:
        """Return a platform's connector."""
        return self._connectors.get(platform)

    def can(self, platform: str, what: type) -> bool:
        """True where a platform's connector can do something more (a protocol); it is looked through once."""
        key = (platform, what)
        if key not in self._able:
            self._able[key] = isinstance(self._connectors.get(platform), what)
        return self._able[key]

    def host(self, profile: Profile) -> Host:
        """Return the host that a profile's posts go to."""
        return self._hosts.of(profile)
