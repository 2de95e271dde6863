"""A connector before a platform whose answers can be bent."""

from __future__ import annotations

from typing import Any, Protocol

from schemas.events.authority import Profile
from services.fanout.connectors.contract import Connector
from tests.support.emulators.bending import Bends


class Bent(Protocol):
    """A harness over HTTP."""

    @property
    def bends(self) -> Bends:
        """What the platform's answers are bent by."""
        ...

    def profile(self, name: str) -> Profile:
        """Return a profile that can be posted to."""
        ...

    def stands(self, profile: Profile) -> Any:
        """Return what the public sees on a profile, newest first, or an awaitable of it."""
        ...

    def restart(self) -> Connector:
        """Return a fresh connector that remembers nothing; the harness closes it."""
        ...
