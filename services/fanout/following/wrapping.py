"""A connector around another one: what it does not do otherwise, that one does."""

from __future__ import annotations

from schemas.events.authority import Profile
from services.fanout.connectors.contract import (
    Connector,
    Declaration,
    FetchMedia,
    Health,
    Intent,
    PublishResult,
    ReconcileResult,
    RetractResult,
)


class WrappedConnector(Connector):
    """Does what ``connector`` does, which is closed by its owner."""

    def __init__(self, connector: Connector) -> None:
        self.platform = connector.platform
        self._connector = connector

    @property
    def declaration(self) -> Declaration:
        """That of the platform."""
        return self._connector.declaration

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Post it."""
        return await self._connector.publish(intent, fetch_media)

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Look whether it stands."""
        return await self._connector.reconcile(intent)

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Take a post back."""
        return await self._connector.retract(intent, remote_id)

    async def check(self, profile: Profile) -> Health:
        """Say whether the profile can be posted to."""
        return await self._connector.check(profile)

    async def close(self) -> None:
        """The platform's own connector is closed by its owner."""
