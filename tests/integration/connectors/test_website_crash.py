"""The website when a disk stalls, or a process dies between its memory and its pages: nothing appears unjudged."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Cause,
    Intent,
    Posted,
    PublishResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.website.connector import WebsiteConnector, WebsiteMirror
from services.fanout.connectors.website.pages import Site
from services.kernel.base.clock import ManualClock
from tests.integration.connectors.harnesses import (
    GROWING,
    PICTURE,
    PNG,
    WebsiteHarness,
    a_profile,
    an_intent,
    published,
    store,
)
from tests.integration.connectors.test_website import read, site_of

FIRE = a_profile("fire", "website")


def nowhere(website: WebsiteHarness, text: str) -> bool:
    """Say whether no page and no feed holds a text."""
    files = [one for one in website.city.site_folder.rglob("*") if one.is_file()]
    return not any(text in one.read_text() for one in files if one.suffix in (".html", ".atom", ".json"))


async def kept_up(website: WebsiteHarness) -> None:
    """A new process that publishes nothing, and looks once for what has ended."""
    fresh = website.restart()
    assert isinstance(fresh, WebsiteConnector)
    task = asyncio.create_task(fresh.keep_up())
    await fresh.reconcile(an_intent(FIRE, "Any", request_id="rany"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await fresh.close()


@pytest.mark.parametrize("in_the_way", ["messages/raaaaaaaaaaaa", "feed.atom", "archive"])
async def test_what_a_crash_cut_short_is_shown_by_its_next_judged_call_alone(
    website: WebsiteHarness, in_the_way: str
) -> None:
    """Killed between the state and the pages, or among the pages: it may be withdrawn by now, so that it is nowhere.

    Neither a process that only keeps up, nor a look, nor another message brings it; its own call does.
    """
    intent = an_intent(FIRE, "Cut short")
    obstacle = website.city.site_folder / in_the_way
    obstacle.parent.mkdir(parents=True, exist_ok=True)
    obstacle.mkdir() if obstacle.suffix else obstacle.touch()
    result = await website.connector.publish(intent, store)
    assert isinstance(result, Unknown)
    assert "the website cannot be written" in result.reason
    obstacle.rmdir() if obstacle.is_dir() else obstacle.unlink()
    await kept_up(website)
    assert nowhere(website, "Cut short")
    assert isinstance(await website.restart().reconcile(intent), Absent)
    about = an_intent(FIRE, "Another", request_id="rother")
    await published(website.connector, about)
    assert nowhere(website, "Cut short")
    await kept_up(website)
    assert [seen.text for seen in await website.stands(FIRE)] == ["Another"]
    posted = await published(website.restart(), replace(intent, repeat=True))
    assert posted == await website.connector.reconcile(intent)
    assert [seen.text for seen in await website.stands(FIRE)] == ["Another", "Cut short"]
    assert "Cut short" in read(website, "feed.atom")
    assert (website.city.site_folder / "archive" / "index.html").exists()
    await kept_up(website)
    assert "Cut short" in read(website, "messages/raaaaaaaaaaaa/index.html")


async def test_a_correction_that_a_crash_cut_short_marks_nothing(website: WebsiteHarness) -> None:
    """The earlier page says nothing of it before it is shown, and says so then."""
    await published(website.connector, an_intent(FIRE, "Earlier", request_id="rearlier"))
    correction = an_intent(FIRE, "Corrected", act="correct", about="rearlier")
    (website.city.site_folder / "messages" / correction.request_id).touch()
    assert isinstance(await website.connector.publish(correction, store), Unknown)
    (website.city.site_folder / "messages" / correction.request_id).unlink()
    await kept_up(website)
    assert correction.request_id not in read(website, "messages/rearlier/index.html")
    await published(website.connector, correction)
    assert correction.request_id in read(website, "messages/rearlier/index.html")


async def test_what_a_crash_of_an_older_version_left_is_written(website: WebsiteHarness) -> None:
    """It noted the messages alone, and each of them was behind its state."""
    await published(website.connector, an_intent(FIRE, "Survives"))
    (website.city.site_folder / "messages" / "raaaaaaaaaaaa" / "index.html").unlink()
    (website.city.var / "website" / "live" / "touched.json").write_text('["raaaaaaaaaaaa"]')
    await kept_up(website)
    assert "Survives" in read(website, "messages/raaaaaaaaaaaa/index.html")


async def test_while_a_page_may_still_land_nobody_says_that_it_is_not_there(website: WebsiteHarness) -> None:
    """The disk stalls behind the claim: the call and each look end without an answer, also those of the mirror."""
    await published(website.connector, an_intent(FIRE, "Before", request_id="rbefore"))
    address, real = website.city.var / "website" / "live" / "address.json", website.city.folder / "address.json"
    address.rename(real)
    os.mkfifo(address)  # its reader waits for a writer
    site, mirror = site_of(website), WebsiteMirror(site_of(website))
    intent = an_intent(FIRE, "Late", timeout=0.4)
    mirrored = replace(
        intent, request_id="rmirrored", also_at=((a_profile("fire", "mastodon"), "https://t.example/1"),)
    )
    results = await asyncio.gather(_begun(site, intent), _begun(mirror, mirrored))
    assert [(type(one), getattr(one, "cause", None)) for one in results] == [(Unknown, Cause.HOST)] * 2
    for look in (site.reconcile(intent), mirror.reconcile(mirrored), site.reconcile_mirror(mirrored)):
        assert await look == CannotTell("the website had no time to begin", Cause.HOST)
    assert nowhere(website, "Late")
    content = real.read_bytes()
    with address.open("wb") as writer:
        real.rename(address)
        writer.write(content)
    found = [
        await site.reconcile(replace(intent, call_timeout=30.0)),
        await mirror.reconcile(replace(mirrored, call_timeout=30.0)),
    ]
    assert [type(one) for one in found] == [Posted, Posted]
    assert await mirror.reconcile(replace(mirrored, request_id="rnone")) == Absent()
    assert {one.declaration.when_unknown for one in (site, mirror)} == {WhenUnknown.LOOK}


async def _begun(connector: WebsiteConnector | WebsiteMirror, intent: Intent) -> PublishResult:
    """Have it published, with more time for it where a busy machine began nothing in time."""
    for times in GROWING:
        result = await connector.publish(replace(intent, call_timeout=intent.call_timeout * times), store)
        if not isinstance(result, Retryable):
            break
    return result


async def test_a_call_ends_when_it_should_however_long_its_pictures_took(tmp_path: Path) -> None:
    """Its time is counted from its beginning, and goes on while the machine sleeps."""
    clock = ManualClock(datetime(2026, 1, 31, 12, tzinfo=UTC))
    site = WebsiteConnector(tmp_path / "site", tmp_path / "state", Site("Mission", "https://m.example", "en"), clock)

    async def slow(_sha256: str) -> bytes:
        clock.time += timedelta(seconds=9.6)
        return PNG

    intent = an_intent(FIRE, "Late", pictures=(PICTURE,), timeout=10.0)
    assert isinstance(await site.publish(intent, slow), Retryable)
    assert isinstance(await site.publish(intent, store), Posted)
    await site.close()
