"""The city's own website: real pages in a folder, with feeds. Idempotency class A (docs/platforms.md).

A post is found again by request, revision and profile: the same bytes are the same post however often they come, other
bytes are refused. All calls that wait are written together, so that a message for all profiles costs little more than
one for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from schemas.events.authority import Profile
from services.fanout.connectors.contract import (
    CannotTell,
    Connector,
    Correction,
    Declaration,
    FetchMedia,
    Health,
    Intent,
    PublishResult,
    ReconcileResult,
    Retracted,
    RetractResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.website import changes
from services.fanout.connectors.website.archive import ListingSizes
from services.fanout.connectors.website.edit import SiteEdit
from services.fanout.connectors.website.pages import Site
from services.fanout.connectors.website.queue import Failed, Queue
from services.fanout.connectors.website.writer import Writer, can_write
from services.kernel.base import logs
from services.kernel.base.clock import Clock, SystemClock

_SHARE = 0.95
"""The part of a call's time that is used, so that the answer comes before the caller gives up."""

LOOK_SECONDS = 5.0
"""How often the site is looked through for messages that have ended."""

Result = TypeVar("Result")


class WebsiteConnector(Connector):
    """Publishes into ``folder`` (served to the public); ``state_folder`` is the memory, and is not served."""

    platform = "website"
    declaration = Declaration(WhenUnknown.LOOK, Correction.NEW_POST, delete=True, marks=True)

    def __init__(
        self,
        folder: Path,
        state_folder: Path,
        site: Site,
        clock: Clock | None = None,
        sizes: ListingSizes = ListingSizes(),  # noqa: B008 - frozen
    ) -> None:
        self._folder = folder
        self._state_folder = state_folder
        self.site = site
        self._clock = clock or SystemClock()
        self._writer = Writer(folder, state_folder, site, sizes)
        self._queue = Queue(self._writer, self._clock)

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Put a message on a profile's page, on its own page, and into the feeds."""
        until = self._until(intent.call_timeout)
        pictures, note = await changes.fetch(intent, fetch_media)

        def change(work: SiteEdit) -> PublishResult:
            return changes.publish(work, intent, pictures, self.site, note)

        return await self._write(change, until)

    async def mirror(
        self, intent: Intent, posted_urls: Mapping[str, str | None], fetch_media: FetchMedia
    ) -> PublishResult:
        """Write the page of a message that is elsewhere, without a post on a website profile.

        ``intent.content`` is the request's website rendering; ``intent.profile`` one of the profiles it is on.
        ``posted_urls`` maps profile ids to URLs, None for a post that was taken back; the others stay as they were.
        """
        until = self._until(intent.call_timeout)
        pictures, note = await changes.fetch(intent, fetch_media)

        def change(work: SiteEdit) -> PublishResult:
            return changes.mirror(work, intent, posted_urls, pictures, self.site, note)

        return await self._write(change, until)

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Look into the state, behind whatever is being written."""
        return await self._look(lambda work: changes.look(work, intent, self.site), intent)

    async def reconcile_mirror(self, intent: Intent) -> ReconcileResult:
        """Look whether the page of a message that is elsewhere is there, behind whatever is being written."""
        return await self._look(lambda work: changes.look_at_mirror(work, intent, self.site), intent)

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Take it off the profile: its text goes, a notice stays, also in the feeds."""
        return await self._write(lambda work: changes.retract(work, intent), self._until(intent.call_timeout))

    async def check(self, profile: Profile) -> Health:
        """Say whether the site's folders can be written."""
        for folder in (self._folder, self._state_folder):
            problem = await asyncio.to_thread(can_write, folder)
            if problem is not None:
                return Health(False, f"the website's folder {folder.name} cannot be written: {problem}")
        return Health(True, f"pages go to {self.site.base}/profiles/{profile.id}/")

    async def keep_up(self) -> None:
        """Mark what has ended, for ever; also when nothing is published."""
        while True:
            done = await self._queue.ask(lambda work: None, self._clock.monotonic() + LOOK_SECONDS)
            if isinstance(done, Failed):
                logs.logger().warning("what has ended could not be marked", error=done.reason)
            await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        """Finish what is being written."""
        await self._queue.close()
        await asyncio.to_thread(self._writer.close)

    async def _write(self, change: Callable[[SiteEdit], Result], until: float) -> Result | Retryable | Unknown:
        done = await self._queue.ask(change, until)
        if isinstance(done, Failed):
            return Unknown(done.reason, done.cause) if done.begun else Retryable(done.reason)
        return done

    async def _look(self, look: Callable[[SiteEdit], ReconcileResult], intent: Intent) -> ReconcileResult:
        done = await self._queue.ask(look, self._until(intent.call_timeout))
        return CannotTell(done.reason, done.cause) if isinstance(done, Failed) else done

    def _until(self, seconds: float) -> float:
        """Return when a call ends that begins now (boot-time seconds)."""
        return self._clock.monotonic() + seconds * _SHARE


class WebsiteMirror(Connector):
    """The page of a message that goes to other platforms only, as a connector: delivered once, and safe to repeat.

    Source: HUM.11(A) section 1, Transparency (ii).
    """

    platform = "website"
    declaration = Declaration(WhenUnknown.LOOK, Correction.NEW_POST, marks=True)

    def __init__(self, website: WebsiteConnector) -> None:
        self._website = website

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Write the message's page, with the addresses of its posts."""
        return await self._website.mirror(intent, {profile.id: url for profile, url in intent.also_at}, fetch_media)

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Look whether its page is there, behind whatever is being written."""
        return await self._website.reconcile_mirror(intent)

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """The page lists where the message is; it goes with the posts."""
        return Retracted()

    async def check(self, profile: Profile) -> Health:
        """Say whether the site's folders can be written."""
        return await self._website.check(profile)

    async def close(self) -> None:
        """The website's own connector lets go of the files."""
