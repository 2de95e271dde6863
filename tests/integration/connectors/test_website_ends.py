"""The website says that a message is over once the end that its author gave is past."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
import pytest_asyncio

from services.fanout.connectors.website.connector import WebsiteConnector
from services.fanout.connectors.website.pages import Pages, Site
from services.kernel.base.clock import ManualClock
from tests.integration.connectors.harnesses import PICTURE, a_profile, an_intent, store
from tests.support.mission import PATIENCE

FIRE, PARKS = a_profile("fire", "website"), a_profile("parks", "mastodon")
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
END = NOON + timedelta(hours=4)
PAGE = "messages/raaaaaaaaaaaa/index.html"
OVER = "This message was in force until 31 January 2026, 16:00 UTC. It is over."


class WebsiteCity:
    """A site, its clock, and what the public reads."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state, self.clock = folder / "site", folder / "state", ManualClock(NOON)
        self.site = self.open()

    def open(self) -> WebsiteConnector:
        return WebsiteConnector(
            self.folder, self.state, Site("Mission", "https://mission.example", "en"), clock=self.clock
        )

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    def updated(self) -> str:
        feed = Xml.fromstring(self.read("feed.atom"))
        return str(feed.findtext("{http://www.w3.org/2005/Atom}updated"))

    async def look(self) -> None:
        """Let the site look once for what has ended."""
        task = asyncio.create_task(self.site.keep_up())
        for _ in range(100):
            await asyncio.sleep(0.02)
            if not any((self.state / "ends").glob("*")) and not (self.state / "touched.json").exists():
                break
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[WebsiteCity]:
    made = WebsiteCity(tmp_path)
    yield made
    await made.site.close()


async def test_what_is_over_says_so_and_leaves_what_holds_now(town: WebsiteCity) -> None:
    await town.site.publish(an_intent(FIRE, "Hydrants are flushed today.", expires=END), store)
    assert "Hydrants" in town.read("now/index.html")
    before = town.updated()
    town.clock.time = END
    await town.look()
    for path in (PAGE, "index.html", "profiles/fire-website/index.html", "feed.atom", "feed.json"):
        assert OVER in town.read(path), path
        assert "Hydrants" in town.read(path), path
    assert "Hydrants" not in town.read("now/index.html")
    assert "No longer in force" in town.read(PAGE)
    (item,) = json.loads(town.read("feed.json"))["items"]
    assert item["_onevoice"]["holds"] is False
    assert town.updated() > before


async def test_nothing_is_over_before_its_end_or_without_one(town: WebsiteCity) -> None:
    await town.site.publish(an_intent(FIRE, "Hydrants are flushed today.", expires=END), store)
    await town.site.publish(an_intent(FIRE, "Evacuation order.", request_id="rbbbbbbbbbbbb"), store)
    town.clock.time = END - timedelta(seconds=1)
    await town.site.publish(an_intent(FIRE, "More.", request_id="rcccccccccccc"), store)
    assert OVER not in town.read(PAGE)
    town.clock.time = END + timedelta(days=400)
    await town.look()
    assert "Evacuation order." in town.read("now/index.html")


async def test_a_later_message_marks_what_is_over_too_and_only_once(town: WebsiteCity) -> None:
    await town.site.mirror(
        an_intent(PARKS, "The path is closed.", expires=END), {"parks-mastodon": "https://s.example/1"}, store
    )
    town.clock.time = END + timedelta(minutes=1)
    await town.site.publish(an_intent(FIRE, "More.", request_id="rcccccccccccc"), store)
    assert OVER in town.read(PAGE)
    marked = town.read("feed.json")
    town.clock.time += timedelta(hours=1)
    await town.look()
    assert town.read("feed.json") == marked
    # A late repeat of the same post, also by another process, does not bring it back.
    await town.open().mirror(
        an_intent(PARKS, "The path is closed.", expires=END), {"water-mastodon": "https://s.example/2"}, store
    )
    assert OVER in town.read(PAGE)
    assert "The path" not in town.read("now/index.html")


async def test_a_withdrawn_message_stays_withdrawn(town: WebsiteCity) -> None:
    intent = an_intent(FIRE, "Wrong road.", expires=END)
    await town.site.publish(intent, store)
    await town.site.retract(intent, "")
    withdrawn = town.updated()
    town.clock.time = END
    await town.look()
    assert "Wrong road." not in town.read(PAGE)
    assert OVER not in town.read(PAGE)
    assert town.updated() == withdrawn


async def test_a_new_revision_ends_when_it_says(town: WebsiteCity) -> None:
    intent = an_intent(FIRE, "Until four.", expires=END)
    await town.site.publish(intent, store)
    later = END + timedelta(hours=2)
    revised = an_intent(FIRE, "Until six.", revision=2, expires=later)
    await town.site.publish(replace(revised, revision=2), store)
    town.clock.time = END
    await town.site.publish(an_intent(FIRE, "More.", request_id="rcccccccccccc"), store)
    assert "Until six." in town.read("now/index.html")
    town.clock.time = later
    await town.look()
    assert "Until six." not in town.read("now/index.html")


async def test_a_message_that_cannot_be_read_keeps_no_other_from_ending(town: WebsiteCity) -> None:
    await town.site.publish(an_intent(FIRE, "Hydrants are flushed today.", expires=END), store)
    other = an_intent(FIRE, "Broken.", request_id="rbbbbbbbbbbbb", expires=END - timedelta(hours=1))
    await town.site.publish(other, store)
    (town.state / "messages" / "rbbbbbbbbbbbb.json").write_text("{")
    town.clock.time = END
    await town.look()
    assert OVER in town.read(PAGE)


async def test_a_disk_that_refuses_is_told_and_tried_again(town: WebsiteCity) -> None:
    await town.site.publish(an_intent(FIRE, "Hydrants are flushed today.", expires=END), store)
    town.clock.time = END
    (town.folder / "now").rename(town.folder / "away")
    (town.folder / "now").write_text("in the way")
    await asyncio.wait_for(_one_failed_look(town), PATIENCE)
    (town.folder / "now").unlink()
    await town.look()
    assert "Hydrants" not in town.read("now/index.html")


async def _one_failed_look(town: WebsiteCity) -> None:
    task = asyncio.create_task(town.site.keep_up())
    await asyncio.sleep(0.3)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_holds_now_has_the_most_severe_first(town: WebsiteCity) -> None:
    """In a flood the order to leave is above the garbage; each of its pictures is fetched when it is looked at."""
    for number, (text, severity) in enumerate(
        [("Reception centre.", "minor"), ("Evacuate.", "extreme"), ("Boil water.", "severe"), ("Garbage.", None)]
    ):
        town.clock.time = NOON + timedelta(minutes=number)
        pictures = (PICTURE,) if number == 1 else ()
        intent = an_intent(FIRE, text, request_id=f"r{number}", severity=severity, pictures=pictures)
        await town.site.publish(intent, store)
    page = town.read("now/index.html")
    order = [page.index(text) for text in ("Evacuate.", "Boil water.", "Reception centre.", "Garbage.")]
    assert order == sorted(order)
    assert 'Last change: <time datetime="2026-01-31T12:03:00Z">31 January 2026, 12:03 UTC</time>' in page
    assert page.count("<img") == page.count('loading="lazy"') == 1
    assert "<script" not in page
    assert "among the newest" not in page
    assert 'href="../now/" aria-current="page"' in page


@pytest.mark.parametrize("act", ["recall", "correct", "all_clear"])
async def test_what_shows_again_a_message_that_was_ended_holds_no_more(town: WebsiteCity, act: str) -> None:
    """A recall reaches no repost, which stays on its profile; people who look up what holds now do not act on it."""
    await town.site.publish(an_intent(FIRE, "Leave by Cedar.", request_id="ra"), store)
    await town.site.publish(an_intent(FIRE, "Again: leave by Cedar.", request_id="rb", act="repost", about="ra"), store)
    await town.site.publish(an_intent(FIRE, "Parks: leave by Cedar.", request_id="rc", act="repost", about="rb"), store)
    await town.site.publish(an_intent(FIRE, "Bring water.", request_id="rd", act="repost", about="gone"), store)
    assert town.read("now/index.html").count("leave by Cedar.") == 2
    await town.site.publish(an_intent(FIRE, "It does not apply.", request_id="re", act=act, about="ra"), store)
    page = town.read("now/index.html")
    assert "eave by Cedar." not in page
    assert "Bring water." in page
    assert "Parks: leave by Cedar." in town.read("index.html")


async def test_the_last_change_tells_of_what_holds_no_more(town: WebsiteCity) -> None:
    await town.site.publish(an_intent(FIRE, "Hydrants are flushed today.", expires=END), store)
    town.clock.time = END
    await town.look()
    page = town.read("now/index.html")
    assert "Nothing holds at the moment." in page
    assert "16:00 UTC</time>" in page


def test_where_not_every_message_was_looked_at_the_page_says_so() -> None:
    pages = Pages(Site("Mission", "https://mission.example", "en"))
    assert b"among the newest" not in pages.now([], (), all_of_them=True)
    assert b"among the newest 0 messages" in pages.now([], (), all_of_them=False)


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_words_of_the_site_are_marked_as_english_and_the_citys_as_its_own(tmp_path: Path, language: str) -> None:
    """A screen reader speaks each in its own language (WCAG 3.1.1, 3.1.2)."""
    site = WebsiteConnector(
        tmp_path / "site", tmp_path / "state", Site("Ville", "https://v.example", language), clock=ManualClock(NOON)
    )
    try:
        await site.publish(an_intent(FIRE, "Evacuation.", severity="extreme"), store)
        page = (tmp_path / "site" / "now" / "index.html").read_text()
    finally:
        await site.close()
    assert '<html lang="en">' in page
    assert f'<div class="text" lang="{language}">' in page
    assert ('<span lang="fr" dir="auto">' in page) is (language == "fr")
    assert ('<p class="brand" lang="fr">' in page) is (language == "fr")
