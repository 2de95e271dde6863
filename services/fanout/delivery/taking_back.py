"""Takes earlier posts of a profile back, as a connector: an attempt like any other, and safe to repeat."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from schemas.events.authority import Profile
from services.fanout.connectors.contract import (
    Absent,
    Connector,
    Declaration,
    FetchMedia,
    Health,
    Intent,
    PublishResult,
    ReconcileResult,
    Retracted,
    RetractResult,
)


class TakesBack(Connector):
    """Deletes ``posts`` (each with its remote id, empty where it has to be looked for) in place of posting.

    ``then_posts``: a correction where posts can be neither edited nor answered; the new post comes after.
    """

    def __init__(
        self, connector: Connector, posts: tuple[tuple[Intent, str], ...], *, then_posts: bool = False
    ) -> None:
        self.platform = connector.platform
        self._connector = connector
        self._posts = posts
        self._then_posts = then_posts

    @property
    def declaration(self) -> Declaration:
        """That of the platform."""
        return self._connector.declaration

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Delete the posts, the newest first; what is gone already counts as deleted."""
        loop = asyncio.get_running_loop()
        end = loop.time() + intent.call_timeout
        for earlier, remote_id in self._posts:
            left = end - loop.time()
            result = await self._connector.retract(replace(earlier, call_timeout=left), remote_id)
            if not isinstance(result, Retracted):
                return result
        if not self._then_posts:
            return Retracted()
        return await self._connector.publish(replace(intent, call_timeout=end - loop.time()), fetch_media)

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Have the deletion made again, which is harmless; the new post is looked for."""
        return await self._connector.reconcile(intent) if self._then_posts else Absent()

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Take a post back."""
        return await self._connector.retract(intent, remote_id)

    async def check(self, profile: Profile) -> Health:
        """Say whether the profile can be posted to."""
        return await self._connector.check(profile)

    async def close(self) -> None:
        """The platform's own connector is closed by its owner."""
