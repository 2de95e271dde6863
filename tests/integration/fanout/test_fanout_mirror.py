"""The website's mirror is a delivery like any other: judged, fenced, counted by the barrier, written once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from schemas.events.control import EocActivate, Posture
from schemas.events.requests import Request
from schemas.platforms import MIRROR, WEBSITE
from services.fanout.connectors.contract import Connector
from services.fanout.connectors.registry import connectors
from services.fanout.connectors.website.connector import WebsiteConnector, WebsiteMirror
from services.kernel.base.files import locked
from services.kernel.runtime.service import Runtime
from tests.integration.fanout.fanout_city import SHORT_LEASE, FanoutCity, eventually, fanout, gatekeeper, service
from tests.integration.fanout.test_fanout_crash import a_process
from tests.support import mission
from tests.support.emulators.folder import FolderPlatform

FIRE, WATER, PARKS = (f"{name}-townsquare" for name in ("fire", "water", "parks"))
Platforms = dict[str, FolderPlatform]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def with_a_site(town: FanoutCity, platforms: Platforms, lease: float = 30.0) -> AsyncIterator[Runtime]:
    """A gatekeeper, and a fanout that posts into a folder, with the city's own website."""
    website = connectors(town.city, "https://mission.example")[WEBSITE]
    assert isinstance(website, WebsiteConnector)
    own: dict[str, Connector] = {"mastodon": platforms["mastodon"], WEBSITE: website, MIRROR: WebsiteMirror(website)}
    async with gatekeeper(town), fanout(town, own, lease=lease) as runtime:
        yield runtime


def page(town: FanoutCity, request: Request) -> Path:
    return town.city.site_folder / "messages" / request.request_id / "index.html"


async def test_a_message_is_mirrored_once_with_the_addresses_of_its_posts(
    town: FanoutCity, platforms: Platforms
) -> None:
    async with with_a_site(town, platforms):
        request = await town.approved(FIRE, WATER, PARKS, text="Boil water.")
        receipt = await town.final(request, MIRROR)
        assert (str(receipt.outcome), receipt.url) == (
            "delivered",
            f"https://mission.example/messages/{request.request_id}/",
        )
        for profile in request.targets:
            await town.final(request, profile)
        await town.idle()
    assert len(await town.attempts(request, MIRROR)) == len(await town.receipts(request, MIRROR)) == 1
    text = page(town, request).read_text()
    assert "Boil water." in text
    for profile in request.targets:
        assert f"https://mastodon.example/{profile}/0" in text


async def test_nothing_is_mirrored_where_a_website_profile_is_a_target(town: FanoutCity, platforms: Platforms) -> None:
    async with with_a_site(town, platforms):
        request = await town.approved(FIRE, "fire-website", text="On the website itself.")
        for profile in request.targets:
            await town.final(request, profile)
        await town.idle()
    assert await town.attempts(request, MIRROR) == []
    assert await town.receipts(request, MIRROR) == []


async def test_what_stands_nowhere_is_not_mirrored(town: FanoutCity, platforms: Platforms) -> None:
    platforms["mastodon"].behave(FIRE, "refuse")
    async with with_a_site(town, platforms):
        request = await town.approved(FIRE, text="Refused.")
        assert str((await town.final(request, MIRROR)).outcome) == "withheld"
    assert await town.attempts(request, MIRROR) == []
    assert not page(town, request).exists()


async def test_a_profile_that_takes_long_does_not_hold_the_page_back(town: FanoutCity, platforms: Platforms) -> None:
    """A moment after the first post the page is written with what is known."""
    platforms["mastodon"].behave(WATER, "wait")
    async with with_a_site(town, platforms, lease=60.0):
        request = await town.approved(FIRE, WATER, text="First come.")
        assert str((await town.final(request, MIRROR)).outcome) == "delivered"
        assert await town.receipts(request, WATER) == []
        platforms["mastodon"].open(WATER)
        await town.final(request, WATER)
        await town.idle()
    assert len(await town.receipts(request, MIRROR)) == 1


async def test_no_routine_page_appears_after_the_eoc_is_active(town: FanoutCity, platforms: Platforms) -> None:
    """The site's lock is held by another process while the mirror is under way, and let go of after ACTIVE."""
    lock = town.city.var / "website" / "live" / "lock"
    async with with_a_site(town, platforms, lease=6.0), service(town, "eoc_state", lease=6.0) as eoc:
        with locked(lock):
            request = await town.request(FIRE, text="Routine.")
            await town.approve(request, "comms-officer")
            await town.final(request, FIRE)
            await mission.eventually(lambda: town.attempts(request, MIRROR))
            await town.order("eoc-director", EocActivate(level=1, incident="Flood"))
            await eventually(lambda: eoc.control.posture is Posture.EOC_ACTIVE)
            assert not page(town, request).exists()
        after = await town.approved(WATER, text="Approved under the EOC.")
        assert str((await town.final(after, MIRROR)).outcome) == "delivered"
        assert page(town, after).exists()
        await town.idle()
    assert not page(town, request).exists()
    assert len(await town.attempts(request, MIRROR)) == 1
    assert "delivered" not in await town.outcomes(request, MIRROR)


async def test_a_page_that_waits_for_its_post_is_judged_by_the_control_in_force_then(
    town: FanoutCity, platforms: Platforms
) -> None:
    """Activated while the first post is under way: the post was, and the page is not."""
    platforms["mastodon"].behave(FIRE, "wait")
    async with with_a_site(town, platforms, lease=60.0):
        request = await town.request(FIRE, text="Routine.")
        await town.approve(request, "comms-officer")
        await eventually(lambda: bool(platforms["mastodon"].calls(FIRE)))
        await town.order("eoc-director", EocActivate(level=1, incident="Flood"))
        await town.decided(request)
        platforms["mastodon"].open(FIRE)
        await town.final(request, FIRE)
        await town.idle()
    assert await town.attempts(request, MIRROR) == []
    assert not page(town, request).exists()


async def test_a_page_whose_writer_died_is_written_by_the_next_copy_once(
    town: FanoutCity, platforms: Platforms
) -> None:
    """It had written the page and left no receipt; the next copy repeats it, which is the same page."""
    folder, site = platforms["mastodon"].folder.parent, platforms["website"]
    async with gatekeeper(town):
        async with a_process(town, folder, f"after-call=kill@{MIRROR}", lease=SHORT_LEASE) as process:
            request = await town.approved(FIRE, text="Once.")
            await process.wait()
        assert site.texts(MIRROR) == ["Once."]
        async with fanout(town, platforms, lease=SHORT_LEASE):
            assert str((await town.final(request, MIRROR)).outcome) == "delivered"
            await town.idle()
    assert site.texts(MIRROR) == ["Once."]
    settled = {receipt.attempt_seq for _, receipt in await town.receipts(request, MIRROR)}
    assert settled == {entry.seq for entry, _ in await town.attempts(request, MIRROR)}
