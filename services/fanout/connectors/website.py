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
from schemas.events.requests import Request
from services.fanout.connectors.contract import (
    CannotTell,
    FetchMedia,
    Health,
    Intent,
    PublishResult,
    ReconcileResult,
    RetractResult,
    Retryable,
    Unknown,
)
from services.fanout.connectors.site import changes
from services.fanout.connectors.site.pages import Site
from services.fanout.connectors.site.queue import Failed, Queue
from services.fanout.connectors.site.writer import Work, Writer, can_write
from services.kernel.clock import Clock, SystemClock

_SHARE = 0.95
"""The part of a call's time that is used, so that the answer comes before the caller gives up."""
_MIRROR_SECONDS = 30.0

Result = TypeVar("Result")


class WebsiteConnector:
    """Publishes into ``folder`` (served to the public); ``state_folder`` is the memory, and is not served."""

    platform = "website"

    def __init__(self, folder: Path, state_folder: Path, site: Site, clock: Clock | None = None) -> None:
        self._folder = folder
        self._state_folder = state_folder
        self._site = site
        self._clock = clock or SystemClock()
        self._writer = Writer(folder, state_folder, site)
        self._queue = Queue(self._writer, self._clock)

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Put a message on a profile's page, on its own page, and into the feeds."""
        pictures, note = await changes.fetch(intent, fetch_media)

        def change(work: Work) -> PublishResult:
            return changes.publish(work, intent, pictures, self._site, note)

        return await self._write(change, intent.call_timeout)

    async def mirror(
        self, intent: Intent, posted_urls: Mapping[str, str | None], fetch_media: FetchMedia
    ) -> PublishResult:
        """Write the page of a message that stands elsewhere, without a post on a website profile.

        ``intent.content`` is the request's website rendering; ``intent.profile`` one of the profiles it stands on.
        ``posted_urls`` maps profile ids to URLs, None for a post that was taken back; the others stay as they were.
        """
        pictures, note = await changes.fetch(intent, fetch_media)

        def change(work: Work) -> PublishResult:
            return changes.mirror(work, intent, posted_urls, pictures, self._site, note)

        return await self._write(change, intent.call_timeout)

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Look into the state; pages that a crash left behind are written before the answer."""
        done = await self._queue.ask(lambda work: changes.look(work, intent, self._site), intent.call_timeout * _SHARE)
        return CannotTell(done.reason) if isinstance(done, Failed) else done

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Take it off the profile: its text goes, a notice stays, also in the feeds."""
        return await self._write(lambda work: changes.retract(work, intent), intent.call_timeout)

    async def check(self, profile: Profile) -> Health:
        """Say whether the site's folders can be written."""
        for folder in (self._folder, self._state_folder):
            problem = await asyncio.to_thread(can_write, folder)
            if problem is not None:
                return Health(False, f"the website's folder {folder.name} cannot be written: {problem}")
        return Health(True, f"pages go to {self._site.base}/profiles/{profile.id}/")

    async def rebuild(self) -> None:
        """Write all pages anew from the state, as after a change of their form. Raises OSError."""
        await asyncio.to_thread(self._writer.apply, [], self._clock.now(), all_pages=True)

    async def close(self) -> None:
        """Finish what is being written."""
        await self._queue.close()
        await asyncio.to_thread(self._writer.close)

    async def _write(self, change: Callable[[Work], Result], seconds: float) -> Result | Retryable | Unknown:
        done = await self._queue.ask(change, seconds * _SHARE)
        if isinstance(done, Failed):
            return Unknown(done.reason) if done.begun else Retryable(done.reason)
        return done


class SiteMirror:
    """The mirror by request, profile and URL; ``fetch_media`` is where its pictures come from."""

    def __init__(self, website: WebsiteConnector, fetch_media: FetchMedia) -> None:
        self._website = website
        self._fetch_media = fetch_media

    async def mirror(self, request: Request, profile: Profile, url: str | None) -> None:
        """Write or update the message's page: it stands on this profile at this address (None: taken back).

        Raises:
            LookupError: the request has no website rendering.
            OSError: the page could not be written; to repeat it is harmless.
        """
        rendering = next((one for one in request.renderings if one.platform == "website"), None)
        if rendering is None:
            raise LookupError(f"{request.request_id} has no rendering for the website")
        intent = Intent(
            request_id=request.request_id,
            revision=request.revision,
            profile=profile,
            content=rendering.content(),
            rendering_sha256=rendering.sha256,
            idempotency_key=f"mirror-{request.request_id}-{request.revision}",
            author_time=request.at,
            call_timeout=_MIRROR_SECONDS,
        )
        done = await self._website.mirror(intent, {profile.id: url}, self._fetch_media)
        if isinstance(done, Retryable | Unknown):
            raise OSError(done.reason)
