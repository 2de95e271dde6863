"""What a connector can do, too, whose credential ends and can be renewed before that without a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from schemas.events.authority import Profile


@dataclass(frozen=True)
class NewCredential:
    """A new credential, and when it ends. ``renews`` is what gets the next one, where the platform gave a new one."""

    credential: str = field(repr=False)
    expires: datetime
    renews: str = field(default="", repr=False)


@dataclass(frozen=True)
class NotRenewed:
    """The old credential goes on until its end. ``reason`` is a clause in plain words."""

    reason: str


@runtime_checkable
class RenewsCredentials(Protocol):
    """A connector that renews a profile's credential; the old one stays good until its own end."""

    async def renew(self, profile: Profile) -> NewCredential | NotRenewed:
        """Get a new credential and see that it opens the profile's account. It stores nothing."""
        ...
