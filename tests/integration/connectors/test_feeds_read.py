"""The site's Atom feeds as others see them: read by feedparser, and held to RFC 4287's grammar (RELAX NG)."""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path
from typing import Any

import feedparser
import pytest
from lxml import etree

from tests.integration.connectors.harnesses import PICTURE, WebsiteHarness, a_profile, an_intent, store

FIRE = a_profile("fire", "website")
ATOM = "{http://www.w3.org/2005/Atom}"
GRAMMAR = Path(__file__).parents[2] / "support" / "schemas" / "atom.rng"
TEXTS = [
    "Boil water. https://mission.example/a?b=1&c=2",
    "اغلوا الماء قبل الشرب.",
    "</content><script>alert(1)</script> ]]> &amp; \x07 \ud7ff \ufffe",
    "詳情見https://www.mission.example/flood。請勿靠近河岸！",
    "👨\u200d👩\u200d👧 " * 60,
]


async def test_a_reader_of_others_finds_every_entry_whole(website: WebsiteHarness) -> None:
    """RFC 4287: ids, times, links, authors and language of each; no complaint about any document."""
    for number, text in enumerate(TEXTS):
        language = "ar" if number == 1 else "en"
        intent = an_intent(
            FIRE, text, request_id=f"r{number}", severity="severe", pictures=(PICTURE,), language=language
        )
        await website.connector.publish(intent, store)
    await website.connector.retract(an_intent(FIRE, TEXTS[0], request_id="r0"), "")
    for path in ("feed.atom", "profiles/fire-website/feed.atom"):
        feed = parsed((website.city.site_folder / path).read_bytes())
        assert (feed.version, len(feed.entries)) == ("atom10", len(TEXTS))
        assert feed.feed.id == f"https://mission.example/{path.removesuffix('feed.atom')}"
        assert [link.rel for link in feed.feed.links] == ["self", "alternate"]
        for entry in feed.entries:
            assert entry.id.startswith("https://mission.example/messages/r")
            assert entry.updated_parsed >= entry.published_parsed
            assert (entry.link, entry.author) == (entry.id, "Fire")
            assert [content.type for content in entry.content] == ["text/html"]
            assert "<script" not in entry.content[0].value
        assert len({entry.updated for entry in feed.entries}) == len(TEXTS)
        assert [entry.content[0].language for entry in feed.entries][-2] == "ar"


async def test_every_feed_is_one_by_the_grammar_of_the_rfc(website: WebsiteHarness) -> None:
    """The site's, the profile's and their older parts, with pictures, two languages and one that was withdrawn."""
    intents = [
        an_intent(
            FIRE,
            TEXTS[number % len(TEXTS)],
            request_id=f"r{number}",
            severity="severe",
            pictures=(PICTURE,) if number % 3 == 0 else (),
            language="ar" if number % len(TEXTS) == 1 else "en",
        )
        for number in range(120)
    ]
    await asyncio.gather(*(website.connector.publish(one, store) for one in intents))
    await website.connector.retract(an_intent(FIRE, TEXTS[0], request_id="r0"), "")
    feeds = sorted(website.city.site_folder.rglob("*.atom"))
    assert len(feeds) >= 4
    assert [(feed.name, found) for feed in feeds if (found := faults(etree.parse(feed)))] == []


@pytest.mark.parametrize("damage", ["no id", "two ids", "no title", "no date", "a word as date", "a link to nowhere"])
async def test_the_grammar_finds_what_is_wrong(website: WebsiteHarness, damage: str) -> None:
    await website.connector.publish(an_intent(FIRE, TEXTS[0]), store)
    feed = etree.parse(website.city.site_folder / "feed.atom").getroot()
    entry = feed.find(f"{ATOM}entry")
    kind = {"no title": "title", "no date": "updated"}.get(damage, "id")
    if damage.startswith("no "):
        entry.remove(entry.find(ATOM + kind))
    elif damage == "two ids":
        entry.append(copy.deepcopy(entry.find(f"{ATOM}id")))
    elif damage == "a word as date":
        entry.find(f"{ATOM}updated").text = "yesterday"
    else:
        etree.SubElement(entry, f"{ATOM}link")
    assert faults(feed)


def faults(document: Any) -> list[str]:
    """Return what the grammar does not allow in a document."""
    grammar = etree.RelaxNG(etree.parse(GRAMMAR))
    return [] if grammar.validate(document) else [str(fault) for fault in grammar.error_log] or ["it is no feed"]


def parsed(raw: bytes) -> Any:
    feed = feedparser.parse(raw, response_headers={"content-type": "application/atom+xml; charset=utf-8"})
    if feed.bozo:
        pytest.fail(f"not well formed: {feed.bozo_exception}")
    return feed
