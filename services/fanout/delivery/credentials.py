"""Profiles that their platform does not let in: reported loudly, and asked for again without an attempt on record."""

from __future__ import annotations

from services.kernel.runtime.service import Runtime

SHOWN = 3
_KEY = "credentials"


class Credentials:
    """Which profiles' credentials were refused, and the platform's words. In memory: a restart finds out again."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lost: dict[str, str] = {}

    def __contains__(self, profile: str) -> bool:
        return profile in self._lost

    def __len__(self) -> int:
        return len(self._lost)

    def lose(self, profile: str, reason: str) -> None:
        """Note that a profile is not let in."""
        if profile not in self._lost:
            self._runtime.log.error(
                "the platform does not let this profile in: its deliveries wait until its credential is fixed",
                profile=profile,
                reason=reason,
                hint=f"onevoice profiles connect gets one: secrets/{self._runtime.city.realm}/{profile}.token",
            )
        self._lost[profile] = reason
        self._report()

    def found(self, profile: str) -> None:
        """Note that a profile is let in."""
        if self._lost.pop(profile, None) is not None:
            self._runtime.log.warning("the platform lets this profile in again", profile=profile)
            self._report()

    def _report(self) -> None:
        if not self._lost:
            self._runtime.health.troubles.pop(_KEY, None)
            return
        shown = [f"{profile} ({self._lost[profile]})" for profile in sorted(self._lost)[:SHOWN]]
        more = f" and {len(self._lost) - SHOWN} more" if len(self._lost) > SHOWN else ""
        self._runtime.health.troubles[_KEY] = (
            f"no way in, posts wait until the token is fixed: {', '.join(shown)}{more}"
        )
