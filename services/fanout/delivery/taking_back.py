"""Takes earlier posts of a profile back, as a connector: an attempt like any other, and safe to repeat."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from schemas.events.authority import Profile
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Cause,
    Connector,
    Declaration,
    FetchMedia,
    HandedOver,
    Health,
    Intent,
    Posted,
    PublishResult,
    ReconcileResult,
    Retracted,
    RetractResult,
    Retryable,
)
from services.fanout.domain.outside import Ours


@dataclass(frozen=True)
class ToDelete:
    """A post that is to go. ``remote_id`` is empty where it has to be looked for.

    ``others``: what else is on the profile by us, where the post is there only if its worker was stopped before its
    call: platforms are asked for its words, and what may be another message's stays.
    """

    intent: Intent
    remote_id: str
    others: Ours | None = None


class TakesBack(Connector):
    """Deletes ``posts`` in place of posting.

    ``then_posts``: a correction where posts can be neither edited nor answered; the new post comes after.
    """

    def __init__(self, connector: Connector, posts: tuple[ToDelete, ...], *, then_posts: bool = False) -> None:
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
        for post in self._posts:
            result = await self._delete(post, end)
            if not isinstance(result, Retracted):
                return result
        if not self._then_posts:
            return Retracted()
        return await self._connector.publish(replace(intent, call_timeout=end - loop.time()), fetch_media)

    async def _delete(self, post: ToDelete, end: float) -> RetractResult:
        loop = asyncio.get_running_loop()
        intent, remote_id = replace(post.intent, call_timeout=end - loop.time()), post.remote_id
        if post.others is not None:
            found = await self._connector.reconcile(intent)
            if isinstance(found, CannotTell | HandedOver):
                why = f"whether what it takes back is there cannot be seen: {found.reason}"
                known = found if isinstance(found, CannotTell) else CannotTell(found.reason)
                return Retryable(why, known.after, cause=known.cause or Cause.LIMIT)
            there = found if isinstance(found, Posted) else found.begun
            if there is None or post.others.may_be(there.remote_id, there.url, intent.content.parts):
                return Retracted()
            intent, remote_id = replace(intent, call_timeout=end - loop.time()), there.remote_id
        return await self._connector.retract(intent, remote_id)

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
