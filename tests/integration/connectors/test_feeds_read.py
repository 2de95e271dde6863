"""The site's Atom feeds as a reader sees that others wrote: feedparser, which says where a feed is not well formed."""

from __future__ import annotations

from typing import Any

import feedparser
import pytest

from tests.integration.connectors.rigs import PICTURE, WebsiteRig, a_profile, an_intent, store

FIRE = a_profile("fire", "website")
TEXTS = [
    "Boil water. https://mission.example/a?b=1&c=2",
    "اغلوا الماء قبل الشرب.",
    "</content><script>alert(1)</script> ]]> &amp; \x07 \ud7ff \ufffe",
    "詳情見https://www.mission.example/flood。請勿靠近河岸！",
    "👨\u200d👩\u200d👧 " * 60,
]


async def test_a_reader_of_others_finds_every_entry_whole(website: WebsiteRig) -> None:
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


def parsed(raw: bytes) -> Any:
    feed = feedparser.parse(raw, response_headers={"content-type": "application/atom+xml; charset=utf-8"})
    if feed.bozo:
        pytest.fail(f"not well formed: {feed.bozo_exception}")
    return feed
